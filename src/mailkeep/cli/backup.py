"""``mailkeep backup`` and ``restore``: back the database up, with the keys apart, and restore it.

Security: the keys go into a file of their own, sealed under a passphrase that comes from the
environment, a file or the keyboard, never from the command line.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mailkeep.app import backup as work
from mailkeep.app import environment
from mailkeep.app import settings as app_settings
from mailkeep.app.backup_manifest import SETTINGS
from mailkeep.base import escrow
from mailkeep.base.clock import readable_of
from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.base.files import write_new
from mailkeep.base.secret import Secret
from mailkeep.base.wording import counted

from .house import DEFAULT_HOME, Home, operator, settings, sqlite_file
from .output import Json, Progress, note, result

PASSPHRASE = "MAILKEEP_PASSPHRASE"  # noqa: S105

PassphraseFile = Annotated[
    Path | None,
    typer.Option(help=f"File with the passphrase of the keys; else {PASSPHRASE}, or asked for."),
]


def backup(
    path: Annotated[
        Path | None, typer.Argument(help="A new directory; left out, only the keys are written.")
    ] = None,
    with_keys: Annotated[
        Path | None, typer.Option(help="Write the long-lived keys, sealed, into this new file.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Back up the database and the settings while Mailkeep runs; never the hourly keys."""
    if path is None and with_keys is None:
        raise Invalid("say a directory for the backup, or --with-keys", field="PATH")
    if path is not None and with_keys is not None and _inside(with_keys, path):
        raise Invalid("not into the backup: who has both reads everything", field="--with-keys")
    file = None if path is None else _sqlite(home, settings(home), "pg_dump --format=custom")
    document: dict[str, object] = {}
    words = []
    sealed = b""
    if with_keys is not None:
        sealed = escrow.pack(escrow.lasting(home), _passphrase(passphrase_file, twice=True))
    if path is not None and file is not None:
        progress = Progress("copying the database", quiet=as_json)
        made = work.make(home, file, path, progress.at)
        document |= {"path": str(path), "manifest": made}
        held = counted(made.messages, "message")
        words.append(f"{path} holds {held} as of {readable_of(made.made_at)}, and no key.")
    if with_keys is not None:
        write_new(with_keys, sealed)
        document["keys"] = str(with_keys)
        words.append(f"The keys are in {with_keys}, sealed; keep it and its passphrase apart.")
    result(document, "\n".join(words), as_json=as_json)


def restore(
    path: Annotated[Path, typer.Argument(help="The directory that `backup` made.")],
    force: Annotated[bool, typer.Option("--force", help="Move a database aside.")] = False,
    with_keys: Annotated[
        Path | None, typer.Option(help="Take the long-lived keys from this file.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Put a backup in the place of the database of a Mailkeep that does not run."""
    known = home if (home / SETTINGS).exists() or not (path / SETTINGS).exists() else path
    file = _sqlite(home, _settings(known), "pg_restore")
    keys = None
    if with_keys is not None:
        keys = escrow.unpack(with_keys.read_bytes(), _passphrase(passphrase_file, twice=False))
    progress = Progress("checking the backup", quiet=as_json)
    found = work.restore(home, file, path, progress.at, by=operator(), keys=keys, force=force)
    sessions = counted(found.sessions_ended, "session")
    recoveries = counted(found.recoveries_voided, "recovery", "recoveries")
    lines = [f"Restored as of {readable_of(found.made_at)}."]
    if found.replaced is not None:
        lines.append(f"The database that was there is {found.replaced}.")
    lines += [
        f"Cut off, as before: {', '.join(found.cut_off) or 'nobody'}.",
        f"{sessions} ended, {recoveries} void.",
    ]
    result({"restored": found, "warnings": _warnings(found)}, "\n".join(lines), as_json=as_json)
    if not as_json:
        for one in _warnings(found):
            note(f"warning: {one}")


def _warnings(found: work.Restored) -> list[str]:
    since = readable_of(found.made_at)
    out = [
        f"messages accepted after {since} are not in it; their senders must repeat them",
        "passwords, factors, addresses and denials of later are undone: tell who is concerned",
    ]
    if found.waiting.messages:
        out.append(
            f"{found.waiting.messages} messages will be sent when Mailkeep starts; what left after "
            "the backup leaves twice"
        )
    if found.waiting.sealed:
        out.append(
            f"{found.waiting.sealed} of them are secret and open only where the keys of their "
            "hours still are"
        )
    if found.erased:
        out.append(
            f"{found.erased} people who were erased since are in it; Mailkeep erases them again"
            " when it starts"
        )
    if found.replaced is None:
        out.append(
            "who was erased since is in it; `mailkeep privacy repeat` with the newest list of"
            " `privacy keep` erases them again"
        )
    if found.entries_lost:
        out.append(f"{found.entries_lost} entries of the audit log are in the old database only")
    return out


def _settings(home: Path) -> app_settings.Settings:
    """The settings of a home that may be empty yet."""
    if (home / SETTINGS).exists() or environment.given(os.environ, app_settings.Settings):
        return app_settings.load(home / SETTINGS)
    return app_settings.Settings()


def _sqlite(home: Path, known: app_settings.Settings, instead: str) -> Path:
    file = sqlite_file(known.database_url(home))
    if file is None:
        raise BadSettings(
            f"the database is PostgreSQL, which has tools of its own: {instead} "
            "(docs/how-to/back-up-and-restore.md)"
        )
    return file


def _passphrase(file: Path | None, *, twice: bool) -> Secret:
    if file is not None:
        return Secret(environment.reveal(f"file:{file}", "--passphrase-file", os.environ))
    if PASSPHRASE in os.environ:
        return Secret(os.environ[PASSPHRASE])
    if not sys.stdin.isatty():
        raise BadSettings(f"no passphrase: set {PASSPHRASE}, or say --passphrase-file")
    said = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True)
    return Secret(str(said))


def _inside(path: Path, directory: Path) -> bool:
    return directory.resolve() in path.resolve().parents
