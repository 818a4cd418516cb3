"""Doctor checks: what let a provider that is left send as us is gone from DNS (pure over
``Records``).

While its key and its return path stand, whoever has the account goes on as us, signed and aligned
(RFC 7489 section 3.1), whatever else was taken away from it.
"""

import re

import msgspec

from mailkeep.app.provider_dns_records import Published, asked

from .catalogue import check
from .domains import UNKNOWN
from .passing import passing
from .records import Found, Records
from .spf import MOST_LOOKUPS
from .types import LeavingRecord, Said, Scene, State, failed, not_checked, ok, warning

SHOWN = 2  #: terms of an SPF record
#: A DKIM record with an empty key is a revoked one (RFC 6376 section 3.6.1).
_KEY = re.compile(r"(?:^|;)\s*p\s*=\s*[^\s;]")


class Standing(msgspec.Struct, frozen=True):
    """What DNS has of a record that is to go.

    Attributes:
        kinds: of the records that are there.
        unknown: DNS did not answer for some of it.
        through: of an SPF record, the terms by which its servers still pass.
        aside: what could not be looked at, and so is not known.
    """

    kinds: tuple[str, ...] = ()
    unknown: bool = False
    through: tuple[str, ...] = ()
    aside: str = ""

    @property
    def words(self) -> str:
        """Which records there are, and by which terms: at most two."""
        if not self.through:
            return ", ".join(self.kinds)
        more = len(self.through) - SHOWN
        return "; ".join([*self.through[:SHOWN], *([f"{more} more"] if more > 0 else [])])


def standing(one: Published, records: Records) -> Standing:
    """Whether a record still stands."""
    if one.marks:
        return _passes(one, records)
    kinds, unknown = [], False
    for kind in one.kinds:
        answer = records.ask(one.name, kind)
        unknown = unknown or answer.found in {Found.ERROR, Found.PENDING}
        if any(_counts(one, kind, row) for row in answer.rows):
            kinds.append(kind)
    return Standing(tuple(kinds), unknown)


def _passes(one: Published, records: Records) -> Standing:
    """Whether its servers still pass by an SPF record, by name or by range."""
    found = passing(records, one.name, one.marks)
    aside = [] if found.ranges else ["its ranges are not known, so only names were compared"]
    if found.blind:
        aside.append(f"nobody can tell whom {found.blind[0]} lets in")
    if found.is_broken:
        aside.append(f"it needs {found.lookups} look-ups, and receivers stop at {MOST_LOOKUPS}")
    kinds = ("TXT",) if found.through else ()
    return Standing(kinds, found.unknown, found.through, "; ".join(aside))


def _counts(one: Published, kind: str, row: str) -> bool:
    if kind != "TXT":
        return True
    if one.key:
        return _KEY.search(row) is not None
    return row.lower().split()[:1] == ["v=spf1"]


@check("left.records")
def left(scene: Scene) -> list[Said]:
    """The records of providers that are being left, or were, as their lists name them."""
    if not scene.database.leaving:
        return [not_checked("No provider is being left.")]
    if scene.offline:
        return [not_checked(f"DNS was not asked; {scene.offline}.")]
    return [said for one in scene.database.leaving if (said := _said(scene, one)) is not None] or [
        not_checked("No record of a provider that is being left is due yet, or known by its name.")
    ]


def _said(scene: Scene, one: LeavingRecord) -> Said | None:
    record = asked(one.text)
    if record is None or not (one.due or one.done):
        return None
    found = standing(record, scene.records)
    about = one.provider
    if found.kinds:
        words = (
            f"{record.name} ({found.words}) still stands in DNS for {about}, which is "
            "left: whoever has that account can send as you."
        )
        step = f"withdraw it; it is {one.item} on the list of {about}"
        step += ", where it is said to be done" if one.done else ""
        return (failed if one.hostile else warning)(words, step, about)
    if found.unknown:
        return not_checked(f"{record.name}: {UNKNOWN}.", about=about)
    gone = f"{record.name} of {about} is gone from DNS"
    if record.marks:
        gone = f"The SPF record of {record.name} lets {about} in no more"
    words = f"{gone}{f' ({found.aside})' if found.aside else ''}."
    if not one.done:
        step = f"say so: `mailkeep offboard done {about} {one.item}`"
        return Said(State.OK, words, step, about)
    return ok(words, about)
