"""``/v1/incidents/{id}/evidence``: an incident's signed evidence bundle, as one file."""

from pathlib import Path

from litestar import Controller, Response, post

from mailkeep import __version__
from mailkeep.http.bearer import authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission
from mailkeep.response import evidence
from mailkeep.store.database import Tx

ZIP = "application/zip"
_STYLE = Path(__file__).parents[1] / "static" / "report.css"


class EvidenceApi(Controller):
    """Taking it is audited, and needs a key with the scope ``operate``."""

    path = "/v1/incidents"
    tags = ("incidents",)

    @post("/{incident:str}/evidence", status_code=200, summary="Take the evidence along")
    async def take(self, request: Incoming, running: Running, incident: str) -> Response[bytes]:
        by = (await authorise(request, running, Permission.EVIDENCE_TAKE)).id
        return await bundle(running, incident, by)


async def bundle(running: Running, incident: str, by: str) -> Response[bytes]:
    """The bundle as a ZIP file. Raises ``NotFound``."""
    means, keys = running.response.means, running.keys
    kept = await running.anchors.kept()

    async def work(tx: Tx) -> dict[str, bytes]:
        files = await evidence.gather(tx, means, incident, by=by)
        files["report.css"] = _STYLE.read_bytes()
        manifest = evidence.sealed(files, incident, keys, __version__, tx.now, kept)
        return {**files, evidence.MANIFEST: manifest}

    files = await running.database.retrying(work)
    name = f'attachment; filename="{incident}.zip"'
    return Response(evidence.zipped(files), media_type=ZIP, headers={"Content-Disposition": name})
