"""Online backup while everything runs, and restore.

A backup holds the database and the settings, and no key: whoever finds it can read none of its
secrets. Secret bodies in it are sealed under their hourly key, which is never backed up, so once
that key is destroyed they are unreadable in the backup too.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
from sqlalchemy import func, select

from mailkeep import __version__
from mailkeep.accounts import restoring as accounts
from mailkeep.base import escrow
from mailkeep.base.clock import SystemClock, iso
from mailkeep.base.errors import BadSettings
from mailkeep.base.files import write_new
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit
from mailkeep.mail import leases, tables
from mailkeep.mail import restoring as mail
from mailkeep.mail.restoring import Kept, Waiting
from mailkeep.privacy import restoring
from mailkeep.recovery import restoring as recovery
from mailkeep.signals import restoring as signals
from mailkeep.store import copying, migrate
from mailkeep.store.database import Database, Tx

from . import backup_manifest
from .backup_manifest import DATABASE, SETTINGS, Manifest
from .process_lock import ProcessLock

Progress = Callable[[int, int], None]


class Restored(msgspec.Struct, frozen=True):
    """The result of a restore.

    Attributes:
        made_at: what was acknowledged later is not there.
        replaced: where the database that was there before is now; None when there was none.
        entries_lost: audit entries that it had beyond the backup's.
        leases: messages that a process had claimed when the backup was made.
        erased: people whom the backup has and who were erased since: it is done again at the start.
    """

    made_at: str
    replaced: str | None
    entries_lost: int
    leases: int
    sessions_ended: int
    recoveries_voided: int
    cut_off: tuple[str, ...]
    waiting: Waiting
    erased: int


def make(home: Path, file: Path, directory: Path, progress: Progress) -> Manifest:
    """Back up the database ``file`` and the settings of ``home`` into a new directory.

    Raises:
        BadSettings: the directory holds something already.
        Unavailable: the database cannot be read, or the copy is damaged.
    """
    escrow.lasting(home)  # a ring that made itself here would sign for another house
    keys = KeyRing(home)
    if not file.exists():
        raise BadSettings(f"there is no database {file}")
    _empty(directory)
    target = directory / DATABASE
    made_at = SystemClock().now()
    copying.copy(file, target, progress)
    found = asyncio.run(_describe(target, keys))
    copying.settle(target)
    files = {DATABASE: backup_manifest.of(target)}
    if (home / SETTINGS).exists():
        write_new(directory / SETTINGS, (home / SETTINGS).read_bytes())
        files[SETTINGS] = backup_manifest.of(directory / SETTINGS)
    return backup_manifest.write(
        directory,
        Manifest(
            format=backup_manifest.FORMAT,
            made_at=iso(made_at),
            mailkeep=__version__,
            schema=found.schema,
            files=files,
            messages=found.messages,
            audit_number=found.head.number,
            audit_hash=found.head.hash,
            public_key=keys.public_key(),
        ),
        keys,
    )


def restore(
    home: Path,
    file: Path,
    directory: Path,
    progress: Progress,
    *,
    by: str,
    keys: dict[str, str] | None,
    force: bool,
) -> Restored:
    """Put a backup in the place of the database ``file``.

    The copy is made ready beside it and takes its place in one step: a kill leaves either the old
    database or the restored one, whole.

    Args:
        by: who does it, a pseudonymous id.
        keys: long-lived keys, for a home that has none.
        force: a database that is there is moved aside.

    Raises:
        BadSettings: the backup is not whole or not this house's, Mailkeep runs, or there is a
            database and no ``force``.
    """
    found = backup_manifest.read(directory)
    backup_manifest.check(directory, found, progress)
    if found.schema not in migrate.versions():
        raise BadSettings(f"the backup has schema {found.schema}, which a newer version made")
    if file.exists() and not force:
        raise BadSettings(f"there is a database {file}; --force moves it aside")
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    alone = ProcessLock(home)
    alone.take()
    try:
        if keys is not None:
            escrow.install(home, keys)
        ring = _house(home, found)
        before = asyncio.run(_before(file, ring)) if file.exists() else _Before()
        aside = file.with_name(f"{file.name}.restoring")
        for one in _with_logs(aside):
            one.unlink(missing_ok=True)
        shutil.copyfile(directory / DATABASE, aside)
        aside.chmod(0o600)
        settings = _settings(directory, found)
        # Whoever can write where the backup lies may show one file to the check and another to the
        # copy.
        if backup_manifest.of(aside) != found.files[DATABASE]:
            raise BadSettings(f"{directory / DATABASE} became another file while it was copied")
        restored = asyncio.run(_ready(aside, found, before, by))
        copying.settle(aside)
        copying.sync(aside)
        replaced = _move_aside(file) if file.exists() else None
        aside.replace(file)
        copying.sync(file)
        if settings is not None and not (home / SETTINGS).exists():
            write_new(home / SETTINGS, settings)
    finally:
        alone.leave()
    return msgspec.structs.replace(restored, replaced=replaced)


class _Described(msgspec.Struct, frozen=True):
    """What the copy says of itself."""

    schema: str
    messages: int
    head: audit.AuditHead


class _Before(msgspec.Struct, frozen=True):
    """What a restore carries over from the database that it replaces."""

    kept: Kept = Kept()
    tokens: signals.Kept | None = None
    privacy: restoring.Kept = restoring.Kept()
    head: int = 0


async def _describe(file: Path, keys: KeyRing) -> _Described:
    database = Database(f"sqlite:///{file}", SystemClock())
    try:
        async with database.read() as tx:
            schema = await migrate.version(tx)
            if schema is None:
                raise BadSettings("the database is empty; start `mailkeep up` once")
            messages = await tx.value(select(func.count()).select_from(tables.messages))
            return _Described(schema, int(messages or 0), await audit.head(tx, keys))
    finally:
        await database.close()


async def _ready(file: Path, found: Manifest, before: _Before, by: str) -> Restored:
    """Make the copy fit to continue from, in one transaction."""
    database = Database(f"sqlite:///{file}", SystemClock())

    async def work(tx: Tx) -> Restored:
        freed = await leases.release(tx)
        await mail.keep(tx, before.kept)
        await signals.keep(tx, before.tokens)
        erased = await restoring.keep(tx, before.privacy, by=by)
        sessions = await accounts.end_every_session(database, tx)
        recoveries = await recovery.void_every_recovery(database, tx)
        await accounts.stop_changes(database, tx)
        await accounts.stop_subject_changes(database, tx)
        lost = max(0, before.head - found.audit_number)
        entry = {"made_at": found.made_at, "signature": found.signature, "entries_lost": lost}
        await audit.write(tx, by, "restore_backup", entry)
        cut, waiting = await mail.cut_off(tx), await mail.waiting(tx)
        return Restored(
            found.made_at, None, lost, freed, sessions, recoveries, cut, waiting, erased
        )

    try:
        await migrate.upgrade(database)
        return await database.retrying(work)
    finally:
        await database.close()


async def _before(file: Path, keys: KeyRing) -> _Before:
    """What the replaced database hands over. Raises ``BadSettings`` if it cannot be read: whoever
    moves that database away by hand knows that its cut-offs go with it."""
    database = Database(f"sqlite:///{file}", SystemClock())
    try:
        await migrate.upgrade(database)
        async with database.read() as tx:
            head = (await audit.head(tx, keys)).number
            return _Before(
                await mail.kept(tx), await signals.kept(tx), await restoring.kept(tx), head
            )
    except Exception as error:
        raise BadSettings(
            f"{file} cannot be read ({type(error).__name__}), and with it which providers are cut "
            "off; move it away, restore, and cut them off again"
        ) from error
    finally:
        await database.close()


def _house(home: Path, found: Manifest) -> KeyRing:
    """The home's keys, which must be those of the house that made the backup."""
    if any(not (home / "keys" / f"{one}.key").exists() for one in escrow.LASTING):
        raise BadSettings(
            f"{home / 'keys'} lacks the keys that the backup was made under; restore them with "
            "--with-keys"
        )
    ring = KeyRing(home)
    if ring.public_key() != found.public_key:
        raise BadSettings(
            f"the keys in {home / 'keys'} are another house's: nothing in the backup would fit them"
        )
    return ring


def _settings(directory: Path, found: Manifest) -> bytes | None:
    """The settings of a backup, as they were signed. Raises ``BadSettings``."""
    if SETTINGS not in found.files:
        return None
    text = (directory / SETTINGS).read_bytes()
    if hashlib.sha256(text).hexdigest() != found.files[SETTINGS].sha256:
        raise BadSettings(f"{directory / SETTINGS} became another file while it was read")
    return text


def _empty(directory: Path) -> None:
    """Make the directory, or see that nothing is in it. Raises ``BadSettings``."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(directory.iterdir()):
        raise BadSettings(f"{directory} is not empty; say a new directory")
    directory.chmod(0o700)


def _move_aside(file: Path) -> str:
    """Keep the old database under another name as well; returns it."""
    copying.settle(file)
    kept = file.with_name(f"{file.name}.before-{iso(SystemClock().now()).replace(':', '')}")
    os.link(file, kept)
    for one in _with_logs(file)[1:]:
        one.unlink(missing_ok=True)
    return str(kept)


def _with_logs(file: Path) -> list[Path]:
    return [file, *(file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm"))]
