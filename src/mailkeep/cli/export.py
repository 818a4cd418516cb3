"""``mailkeep export``: export everything in open formats, for those who leave Mailkeep.

Security: a directory of all personal data of the house, readable by its owner only; what was done
stands in the audit chain. It reads the database and needs no running Mailkeep.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import typer

from mailkeep import __version__
from mailkeep.app.backup_manifest import SETTINGS
from mailkeep.base.clock import SystemClock, iso
from mailkeep.base.errors import BadSettings
from mailkeep.base.files import write_new
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import counted
from mailkeep.events import audit
from mailkeep.privacy import whole
from mailkeep.store.database import Database, Tx

from .house import DEFAULT_HOME, Home, at_length, operator
from .output import Json, Progress, result

MANIFEST, SUMS = "manifest.json", "SHA256SUMS"
README = """\
What is here
  accounts.jsonl      accounts with addresses, class, password hash; the hashes need keys/pepper.key
                      of the home (HMAC-SHA256 before argon2id), which is not here
  factors.jsonl       second factors: passkeys whole; secrets of apps only where asked for
  suppressions.jsonl  addresses that bounced, or complained, and which provider said so
  exposures.jsonl     which provider was ever given which address
  waiting.jsonl       mail that has not left, whole; secret mail is not among it
  tables/*.jsonl      every table, a row a line; instants in ISO 8601, octets in base64url; without
                      hashes of secrets and what is sealed for this house. events: the log;
                      audit: the hash chain
  mailkeep.toml       the settings; of secrets only a password that stands in `database`
  manifest.json       rows, octets and SHA-256 of each file, the audit head

How to check it
  sha256sum --check SHA256SUMS
"""


class FileFact(msgspec.Struct, frozen=True):
    """A file of the export. ``rows``: lines of JSON; None: it is no JSON Lines."""

    sha256: str
    octets: int
    rows: int | None


def export(
    directory: Annotated[Path, typer.Argument(help="Where to; it must not be there yet.")],
    secrets: Annotated[
        bool, typer.Option("--with-secrets", help="The secrets of authenticator apps as well.")
    ] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Write everything out in open formats: JSON Lines with a manifest and hashes."""
    if directory.exists():
        raise BadSettings(f"{directory} is there already")
    keys = KeyRing(home)
    progress = Progress(f"writing {directory}", quiet=as_json)

    async def work(database: Database) -> tuple[dict[str, FileFact], audit.AuditHead]:
        async def note(tx: Tx) -> audit.AuditHead:
            await audit.write(tx, operator(), "export", {"secrets": secrets})
            return await audit.head(tx, keys)

        head = await database.retrying(note)  # on record before the first row is out
        directory.mkdir(parents=True, mode=0o700)
        (directory / "tables").mkdir(mode=0o700)
        out = {}
        for name, source in whole.files(keys, secrets=secrets).items():
            out[name] = await _write(database, directory / name, source)
            if rows := out[name].rows:  # a hundred empty tables are no news
                progress.say(f"{name}: {counted(rows, 'row')}")
        return out, head

    facts, head = at_length(home, work)
    settings = home / SETTINGS
    plain = {"README": README.encode()}
    if settings.exists():
        plain[SETTINGS] = settings.read_bytes()
    for name, content in plain.items():
        write_new(directory / name, content)
        facts[name] = FileFact(hashlib.sha256(content).hexdigest(), len(content), None)
    sums = "".join(f"{facts[name].sha256}  {name}\n" for name in sorted(facts))
    write_new(directory / SUMS, sums.encode())
    manifest = {
        "format": whole.FORMAT,
        "version": __version__,
        "made_at": iso(SystemClock().now()),
        "with_secrets": secrets,
        "audit": msgspec.to_builtins(head),
        "public_key": keys.public_key(),
        "files": {name: msgspec.to_builtins(facts[name]) for name in sorted(facts)},
    }
    # It comes last: an export without it was not finished.
    write_new(directory / MANIFEST, json.dumps(manifest, indent=1).encode())
    rows = sum(one.rows or 0 for one in facts.values())
    text = (
        f"{len(facts)} files with {counted(rows, 'row')} are in {directory}; check with"
        f" (cd {directory} && sha256sum -c {SUMS})"
    )
    result({"directory": str(directory), "files": len(facts), "rows": rows}, text, as_json=as_json)


def _new(path: Path) -> BinaryIO:
    """A file for its owner's eyes only."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


async def _write(database: Database, path: Path, source: whole.Source) -> FileFact:
    digest, octets, rows = hashlib.sha256(), 0, 0
    with _new(path) as file:
        async for row in source(database):
            line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
            file.write(line)
            digest.update(line)
            octets, rows = octets + len(line), rows + 1
    return FileFact(digest.hexdigest(), octets, rows)
