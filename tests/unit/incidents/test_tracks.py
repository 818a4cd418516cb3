"""Checklists that follow from state, so that nobody ticks what is not so."""

from mailkeep.incidents.tracks import Item, Seen, mail_track, security_track
from mailkeep.incidents.types import BlastRadius, Incident, State, View
from mailkeep.watch.types import Hypothesis, provider_subject

HELD = (View(Hypothesis.PROVIDER_COMPROMISED, 6.0, True, True, ()),)
OPEN = Incident("inc_1", provider_subject("a"), State.OPEN, 0, 0, HELD)
CUT = Incident("inc_1", provider_subject("a"), State.CONTAINED, 0, 0, HELD, contained_at=1)
QUIET = Incident("inc_1", provider_subject("a"), State.OPEN, 0, 0)
NOBODY = BlastRadius(0, 1, 5, 0, 0, 0, 0, 0)
SOME = BlastRadius(0, 1, 5, 4, 2, 1, 1, 0)


def _done(items: tuple[Item, ...]) -> list[bool | None]:
    return [one.done for one in items]


def test_mail_goes_out_only_when_somebody_carried_it() -> None:
    assert _done(mail_track(OPEN, Seen())) == [False, False, True, False]
    assert _done(mail_track(CUT, Seen(cut=True, standing=("b",), carried=3))) == [
        *(True, True, True, False)
    ]
    assert not mail_track(CUT, Seen(standing=("b",), overdue=2))[2].done


def test_security_owes_what_nobody_did() -> None:
    assert _done(security_track(OPEN, Seen(), SOME)) == [False, False, False, False]
    done = Seen(
        cut=True,
        applied=frozenset({"revoke_recoveries", "secure_accounts", "notify_owners"}),
        told=4,
    )
    assert _done(security_track(CUT, done, SOME)) == [True, True, True, True]


def test_owners_who_were_written_to_and_not_reached_are_still_owed() -> None:
    seen = Seen(applied=frozenset({"notify_owners"}), told=3, not_told=1)
    assert security_track(CUT, seen, SOME)[-1].done is False


def test_where_nothing_happened_nothing_is_to_be_done() -> None:
    assert _done(security_track(QUIET, Seen(), NOBODY)) == [None, None, None, None]
