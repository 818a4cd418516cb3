"""``mailkeep incidents evidence`` and ``verify``: write and verify an incident's signed evidence
bundle."""

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer

import mailkeep
from mailkeep import __version__
from mailkeep.app.environment import NoSecrets
from mailkeep.base.clock import readable_of
from mailkeep.base.errors import BadSettings
from mailkeep.base.files import write_new
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import counted
from mailkeep.events import anchors
from mailkeep.response import evidence
from mailkeep.response.chain import contradicted
from mailkeep.response.services import Response
from mailkeep.store.database import Tx

from .acting import write
from .house import DEFAULT_HOME, Home, settings
from .output import Json, plain, result

_STYLE = Path(mailkeep.__file__).parent / "http" / "static" / "report.css"


def take(
    incident: Annotated[str, typer.Argument(help="As the list names it.")],
    directory: Annotated[Path, typer.Argument(help="Where to; it must not be there yet.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Write the report of an incident with all that it rests on, signed."""
    from mailkeep.app.application import Application

    if directory.exists():
        raise BadSettings(f"{directory} is there already")
    app = Application(settings(home), home, environ=NoSecrets())
    kept = asyncio.run(app.anchors.kept())

    async def work(room: Response, tx: Tx, by: str) -> dict[str, bytes]:
        files = await evidence.gather(tx, room.means, incident, by=by)
        files["report.css"] = _STYLE.read_bytes()
        keys = KeyRing(home)
        made = evidence.sealed(files, incident, keys, __version__, tx.now, kept)
        return {**files, evidence.MANIFEST: made}

    files = write(home, work)
    directory.mkdir(parents=True, mode=0o700)
    for name, content in files.items():  # the manifest comes last: without it nothing is finished
        write_new(directory / name, content)
    said = msgspec.json.decode(files[evidence.MANIFEST], type=evidence.Manifest)
    text = f"{len(files)} files are in {directory}; read report.html there."
    if said.chain_broken_at is not None:
        text += f" Entry {said.chain_broken_at} does not fit the audit chain: it was altered."
    if wrong := contradicted(said.anchors):
        text += f" By the anchors {wrong}."
    document = {
        "directory": str(directory),
        "files": sorted(files),
        "chain_broken_at": said.chain_broken_at,
        "anchors": said.anchors,
    }
    result(document, text, as_json=as_json)


def verify(
    directory: Annotated[Path, typer.Argument(help="As `incidents evidence` wrote it.")],
    against: Annotated[
        list[Path] | None,
        typer.Option(help="A file of heads that you kept elsewhere; repeatable."),
    ] = None,
    key: Annotated[
        str, typer.Option(help="The house's public key, as you kept it elsewhere.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Check that every file of a bundle is as it was signed and that its audit chain is whole, and
    say by which key."""
    try:
        kept = [one for file in against or () for one in anchors.read(file.read_text())]
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"--against: {error}") from error
    if against and not kept:
        raise BadSettings("--against: no head of an audit chain is in there")
    found = evidence.check(directory, kept, key)
    rests = "a chain that was made anew as a whole would fit too: say --against with a kept head"
    heads = evidence.held(directory, found, kept)
    if heads is not None:
        agree = counted(heads.anchors, "head that you kept agrees", "heads that you kept agree")
        rests = f"{agree}, up to entry {heads.fits}"
        if heads.fits < found.audit_number:
            rests += ": what comes after it could have been made anew"
        if heads.foreign:
            signed = counted(heads.foreign, "head that you kept is", "heads that you kept are")
            rests += f"; {signed} signed by another key than the bundle"
    elif found.anchors is not None:
        rests = f"{counted(found.anchors.anchors, 'anchor')} of its house agreed at that time"
        if found.anchors.foreign:
            rests += f" ({counted(found.anchors.foreign, 'line')} there by another key)"
    text = (
        f"Every file is as it was signed {readable_of(found.made_at)}. The audit chain fits up to "
        f"entry {found.audit_number}; {rests}."
    )
    if not key:
        text += (
            " Compare the key with the house's, as `mailkeep audit head` printed it: "
            f"{found.public_key}"
        )
    document = {
        "incident": found.incident,
        "made_at": found.made_at,
        "public_key": found.public_key,
        "audit_number": found.audit_number,
        "audit_hash": found.audit_hash,
        "anchors": found.anchors,
        "heads": heads,
    }
    # Whoever made the bundle wrote the time and the key: they must not paint over what is said.
    result(document, plain(text), as_json=as_json)
