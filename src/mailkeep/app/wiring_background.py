"""Builds the background work that is not about carrying mail: erasures, anchors of the audit chain,
precomputed counts, threat models, moves between providers."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from mailkeep.cutover.offboarding import Offboarding
from mailkeep.cutover.services import Cutover
from mailkeep.mail import counting
from mailkeep.posture import counts
from mailkeep.posture.services import Models
from mailkeep.privacy.services import Privacy
from mailkeep.response.crying import Crier

from . import audit_anchors, wiring_cutover
from .audit_anchors import Anchors
from .loops import Keep
from .offboarding_looks import Ticking

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

    from .application import Application

ERASE_SECONDS = 20.0
ANCHOR_SECONDS = 10.0
JOURNAL_SECONDS = 2.0
MOVE_SECONDS = 5.0
LEAVE_SECONDS = 60.0
LEDGER_SECONDS = 1.0
CRY_SECONDS = 5.0
MODEL_SECONDS = 60.0
COUNT_SECONDS = 60.0  #: how often the age of what was counted is looked at


def privacy(app: "Application") -> Privacy:
    """The privacy room."""
    settings = app.settings
    return Privacy(app.database, app.keys, settings.privacy, settings.incidents.lead)


def anchors(app: "Application", environ: Mapping[str, str]) -> Anchors:
    """What takes heads of the audit chain elsewhere."""
    settings = app.settings.audit
    places = audit_anchors.places(settings, environ)
    return Anchors(app.database, app.keys, places, settings.every)


def cutover(app: "Application") -> Cutover:
    """The moves between providers."""
    return Cutover(app.database, wiring_cutover.house(app.settings, app.clock))


def leaving(app: "Application") -> Offboarding:
    """The providers that are left."""
    return Offboarding(app.database, app.cutover.house)


def ticking(app: "Application", environ: Mapping[str, str]) -> Ticking:
    """The looks whether an item of a leave is done."""

    def ask() -> "Resolver":
        from .doctor.resolver import resolver  # DNS takes a while to import

        return resolver(None)

    offline = "in development nobody outside is asked" if app.dev else ""
    return Ticking(app.settings, app.database, app.keys, ask=ask, offline=offline, environ=environ)


def loops(app: "Application", keep: Keep) -> Iterator[tuple[str, Any]]:
    """The background loops, by name."""
    yield "erasures", keep("erasures", app.privacy.erasing.step, ERASE_SECONDS)
    if app.journal is not None:
        yield "journal", keep("journal", app.claims.release, JOURNAL_SECONDS)
    yield "cutover", keep("cutover", app.cutover.step, MOVE_SECONDS)
    yield "offboarding", keep("offboarding", app.leaving.step, LEAVE_SECONDS)
    yield "anchors", keep("anchors", app.anchors.step, ANCHOR_SECONDS, app.anchors.awake)
    means = app.response.means
    crier = Crier(app.database, means.house, app.pagers, app.settings.public_url)
    yield "cries", keep("cries", crier.step, CRY_SECONDS)
    yield "exposures", keep("exposures", partial(counting.step, app.database), LEDGER_SECONDS)
    models = Models(app.database, app.chain)
    yield "models", keep("models", models.step, MODEL_SECONDS)
    yield "counts", keep("counts", partial(counts.step, app.database, app.chain), COUNT_SECONDS)
