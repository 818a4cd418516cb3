"""The evidence bundle of an incident: its events, acts and report under one signature, for others
to verify.

Nothing in it names a customer: events and acts carry pseudonyms, the report counts. The signature
is by this installation's key, whose public half is in the manifest; compare that with the one that
`mailkeep audit head` printed before the incident. Whoever has the files can verify them with any
Ed25519 (RFC 8032) and SHA-256.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from sqlalchemy import or_, select

from mailkeep.base.clock import Instant, iso
from mailkeep.base.errors import BadSettings
from mailkeep.base.ids import earliest
from mailkeep.base.keys import KeyRing, verify
from mailkeep.events import audit
from mailkeep.events.anchors import Anchor, Compared
from mailkeep.events.tables import audit as audit_table
from mailkeep.events.tables import events
from mailkeep.mail import queries as mail
from mailkeep.store.database import Tx

from . import chain, queries, report, telling
from .actions.port import Means
from .drawing import timeline
from .types import CaseView

FORMAT = 2
ACTS = "audit.jsonl"
MANIFEST = "manifest.json"
_PURPOSE = b"mailkeep evidence\0"
_LARGEST = 256 * 1024
_IN_ONE = 500  #: ids in one statement

README = """\
What is here
  report.md, report.html  the incident in words; timeline.svg its picture
  case.json               the same for programs, with every reason and its weight in nats
  notices.jsonl           each owner who was to be told, by the account's id, and their mails
  facts.jsonl             the facts that it rests on, as they stand in the log
  audit.jsonl             every act of operators and of Mailkeep itself, a hash chain
  manifest.json           SHA-256 of each file, signed

How to check it
  mailkeep incidents verify DIRECTORY
or by hand: hash each file; put "" in the place of the manifest's signature, write it as compact
JSON with sorted keys behind the bytes "mailkeep evidence" and a zero byte, and verify that with
Ed25519. Then the chain: the hash of each entry in audit.jsonl is the SHA-256 of the JSON list of
its number, at, actor, act, data and the hash before (64 zeros at first), without spaces; the last
is the manifest's audit_hash. A chain that was made anew as a whole fits too: hold it against a
head that was kept elsewhere, `--against FILE`.
"""


class FileFact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the bundle."""

    sha256: str
    size: int


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the bundle is.

    Attributes:
        audit_number, audit_hash: the chain's head in it.
        chain_broken_at: the first entry that did not fit when it was signed; None: all fitted.
        anchors: what the heads that could be read back said; None: there were none.
    """

    format: int
    incident: str
    made_at: str
    mailkeep: str
    files: dict[str, FileFact]
    audit_number: int
    audit_hash: str
    public_key: str
    signature: str = ""
    chain_broken_at: int | None = None
    anchors: Compared | None = None


async def gather(tx: Tx, means: Means, incident: str, *, by: str) -> dict[str, bytes]:
    """The files, by name. That they were taken is an act of its own, and the last in them.

    Raises:
        NotFound: no such incident.
    """
    case = await queries.case(tx, means, incident, whole=True)
    await audit.write(tx, by, "export_evidence", {"incident": incident})
    written = report.written(case, await mail.key_names(tx), tx.now)
    picture = timeline(report.marks(case), case.incident.since, case.incident.closed_at or tx.now)
    page = report.html(written).replace('href="/static/report.css"', 'href="report.css"')
    return {
        "README.txt": README.encode(),
        "report.md": report.markdown(written).encode(),
        "report.html": page.encode(),
        "timeline.svg": picture.encode(),
        "case.json": msgspec.json.format(msgspec.json.encode(case), indent=2),
        "notices.jsonl": await _notices(tx, means, case),
        "facts.jsonl": await _facts(tx, case),
        ACTS: await _acts(tx),
    }


def sealed(
    files: Mapping[str, bytes],
    incident: str,
    keys: KeyRing,
    version: str,
    now: Instant,
    kept: Sequence[Anchor] | None,
) -> bytes:
    """The signed manifest of the files.

    Args:
        kept: the anchored heads that can be read back here; None: there are none.
    """
    found = chain.read(files.get(ACTS, b""))
    public = keys.public_key()
    unsigned = Manifest(
        format=FORMAT,
        incident=incident,
        made_at=iso(now),
        mailkeep=version,
        files={
            name: FileFact(hashlib.sha256(one).hexdigest(), len(one)) for name, one in files.items()
        },
        audit_number=found.number,
        audit_hash=found.hash,
        public_key=public,
        chain_broken_at=found.broken_at,
        anchors=None if kept is None else found.against(kept, public),
    )
    raw = msgspec.to_builtins(unsigned)
    signed = msgspec.structs.replace(unsigned, signature=keys.sign(_signed(raw)))
    return msgspec.json.format(msgspec.json.encode(signed), indent=2) + b"\n"


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The files as a ZIP archive (pure): the same files give the same octets."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED)
    return out.getvalue()


def check(directory: Path, kept: Sequence[Anchor] = (), public_key: str = "") -> Manifest:
    """Whether a bundle is as it was signed, and its audit chain whole.

    Args:
        kept: heads of the chain that were kept elsewhere.
        public_key: the house's, as it was kept elsewhere; "": the reader compares it.

    Raises:
        BadSettings: it is not, and what is wrong.
    """
    path = directory / MANIFEST
    try:
        if path.stat().st_size > _LARGEST:
            raise msgspec.ValidationError("too large")
        raw = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
        found = msgspec.convert(raw, Manifest)
    except OSError as error:
        raise BadSettings(f"{directory} holds no {MANIFEST}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise BadSettings(f"{path} cannot be read") from error
    # Of the document as it is: one of an older format has fewer fields.
    if not verify(found.public_key, _signed(raw), found.signature):
        raise BadSettings(f"{path} was altered: its signature does not fit")
    if public_key and public_key != found.public_key:
        raise BadSettings(f"{path} is signed by another key than the one that you kept")
    for name, fact in found.files.items():
        file = directory / name
        if file.parent != directory or not file.is_file():
            raise BadSettings(f"{file} is missing")
        data = file.read_bytes()
        if FileFact(hashlib.sha256(data).hexdigest(), len(data)) != fact:
            raise BadSettings(f"{file} was altered: its hash is another")
    # What nobody signed must not be read beside what was.
    strange = {one.name for one in directory.iterdir()} - {MANIFEST, *found.files}
    if strange:
        raise BadSettings(f"{directory} holds what was not signed: {', '.join(sorted(strange))}")
    _check_chain(directory, found, kept)
    return found


def held(directory: Path, found: Manifest, kept: Sequence[Anchor]) -> Compared | None:
    """What heads that were kept elsewhere say of a bundle that ``check`` let pass: how many of them
    its key signed, and up to which entry they speak for it; None: there are none."""
    if not kept:
        return None
    return chain.read((directory / ACTS).read_bytes()).against(kept, found.public_key)


async def _notices(tx: Tx, means: Means, case: CaseView) -> bytes:
    """The proof of delivery of each owner; empty where nobody began to tell them."""
    if not any(one.name == "notify_owners" and one.result is not None for one in case.actions):
        return b""
    about = queries.case_of(tx, means, case.incident)
    found = telling.everybody(tx, means, about)
    return b"".join([telling.line(one) async for one in found])


async def _facts(tx: Tx, case: CaseView) -> bytes:
    """The facts that reasons and lines rest on, and what became of the incident itself."""
    reasons = [one for view in case.incident.opinions for one in view.reasons]
    ids = {event for one in reasons for event in one.events}
    ids |= {event for entry in case.timeline for event in entry.events}
    ordered = sorted(ids)
    rows = []
    for start in range(0, len(ordered), _IN_ONE):
        part = ordered[start : start + _IN_ONE]
        rows += await tx.all(select(events).where(events.c.id.in_(part)))
    about = events.c.data.contains(f'"{case.incident.id}"', autoescape=True)
    own = or_(events.c.kind.like("incidents.%"), events.c.kind.like("response.%"))
    rows += await tx.all(
        select(events)
        .where(events.c.id >= earliest("evt", case.incident.opened_at), own, about)
        .order_by(events.c.id)
    )
    lines = {
        row["id"]: {
            **{name: row[name] for name in ("id", "kind", "at", "position", "placed_at")},
            "data": msgspec.Raw(row["data"].encode()),
        }
        for row in rows
    }
    return b"".join(msgspec.json.encode(lines[one]) + b"\n" for one in sorted(lines))


async def _acts(tx: Tx) -> bytes:
    rows = await tx.all(select(audit_table).order_by(audit_table.c.number))
    return b"".join(msgspec.json.encode(dict(row)) + b"\n" for row in rows)


def _check_chain(directory: Path, found: Manifest, kept: Sequence[Anchor]) -> None:
    file = directory / ACTS
    if ACTS not in found.files:
        raise BadSettings(f"{file} is missing")
    acts = chain.read(file.read_bytes())
    if acts.broken_at is not None:
        known = found.chain_broken_at == acts.broken_at
        said = "; its house says so itself" if known else ""
        raise BadSettings(
            f"entry {acts.broken_at} of {file} does not fit the chain: it was altered, or one is "
            f"missing{said}"
        )
    if (acts.number, acts.hash) != (found.audit_number, found.audit_hash):
        raise BadSettings(
            f"{file} ends with entry {acts.number}, and the manifest counts {found.audit_number}: "
            "entries were cut off, or made anew"
        )
    if wrong := chain.contradicted(found.anchors):
        raise BadSettings(f"{file}: by the house's own anchors {wrong}")
    if not kept:
        return
    compared = acts.against(kept, found.public_key)
    if not compared.anchors:
        raise BadSettings("none of the heads that you kept is signed by the bundle's key")
    if wrong := chain.contradicted(compared):
        raise BadSettings(f"{file}: by the heads that you kept {wrong}")


def _signed(manifest: Mapping[str, object]) -> bytes:
    return _PURPOSE + msgspec.json.encode({**manifest, "signature": ""}, order="sorted")
