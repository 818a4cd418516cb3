"""``mailkeep incidents evidence`` and ``verify``: write and verify an incident's signed evidence
bundle."""

from pathlib import Path
from typing import Annotated

import typer

import mailkeep
from mailkeep import __version__
from mailkeep.base.clock import readable_of
from mailkeep.base.errors import BadSettings
from mailkeep.base.files import write_new
from mailkeep.base.keys import KeyRing
from mailkeep.response import evidence
from mailkeep.response.services import Response
from mailkeep.store.database import Tx

from .acting import write
from .house import DEFAULT_HOME, Home
from .output import Json, plain, result

_STYLE = Path(mailkeep.__file__).parent / "http" / "static" / "report.css"


def take(
    incident: Annotated[str, typer.Argument(help="As the list names it.")],
    directory: Annotated[Path, typer.Argument(help="Where to; it must not be there yet.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Write the report of an incident with all that it rests on, signed."""
    if directory.exists():
        raise BadSettings(f"{directory} is there already")

    async def work(room: Response, tx: Tx, by: str) -> dict[str, bytes]:
        files = await evidence.gather(tx, room.means, incident, by=by)
        files["report.css"] = _STYLE.read_bytes()
        keys = KeyRing(home)
        files[evidence.MANIFEST] = await evidence.sealed(tx, files, incident, keys, __version__)
        return files

    files = write(home, work)
    directory.mkdir(parents=True, mode=0o700)
    for name, content in files.items():  # the manifest comes last: without it nothing is finished
        write_new(directory / name, content)
    text = f"{len(files)} files are in {directory}; read report.html there."
    result({"directory": str(directory), "files": sorted(files)}, text, as_json=as_json)


def verify(
    directory: Annotated[Path, typer.Argument(help="As `incidents evidence` wrote it.")],
    as_json: Json = False,
) -> None:
    """Check that every file of a bundle is as it was signed, and say by which key."""
    found = evidence.check(directory)
    text = (
        f"Every file is as it was signed {readable_of(found.made_at)}. Compare the key with the "
        f"house's, as `mailkeep audit head` printed it: {found.public_key}"
    )
    document = {
        "incident": found.incident,
        "made_at": found.made_at,
        "public_key": found.public_key,
        "audit_number": found.audit_number,
        "audit_hash": found.audit_hash,
    }
    # Whoever made the bundle wrote the time and the key: they must not paint over what is said.
    result(document, plain(text), as_json=as_json)
