"""Checklists that follow from state, so that nobody ticks what is not so."""

import msgspec

from mailkeep.incidents.tracks import Item, Seen, mail_track, security_track
from mailkeep.incidents.types import BlastRadius, Incident, State, View
from mailkeep.watch.types import (
    OUR_HOUSE,
    Hypothesis,
    domain_subject,
    mailbox_subject,
    provider_subject,
)

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
    assert _done(security_track(OPEN, Seen(loose=1), SOME)) == [False, False, False, False]
    done = Seen(cut=True, applied=frozenset({"notify_owners"}), told=4)
    assert _done(security_track(CUT, done, SOME)) == [True, True, True, True]


def test_what_came_after_the_act_is_owed_again() -> None:
    """Proofs that went out since, accounts that were recovered since: no act covers them."""
    applied = frozenset({"revoke_recoveries", "secure_accounts", "notify_owners"})
    since = Seen(cut=True, applied=applied, told=4, open_proofs=1, loose=1)
    _, proofs, accounts, _ = security_track(CUT, since, SOME)
    assert (proofs.done, proofs.detail) == (False, "1 open recovery has one")
    assert (accounts.done, accounts.detail) == (False, "1 recovered, 1 of them not frozen")
    assert security_track(OPEN, Seen(applied=applied), SOME)[1].done is False, "it carries more"


def test_accounts_that_others_keep_rest_when_those_said_so() -> None:
    def asked(unheard: int) -> Item:
        return security_track(CUT, Seen(cut=True, elsewhere=3, unheard=unheard), SOME)[3]

    assert (asked(1).done, asked(1).detail) == (False, "2 of 3 accounts")
    assert asked(0).done


def test_closing_lifts_no_cut() -> None:
    closed = msgspec.structs.replace(CUT, state=State.CLOSED)
    assert mail_track(closed, Seen(cut=True))[3].done is False
    assert mail_track(closed, Seen(resting=True))[3].done is False
    assert mail_track(closed, Seen())[3].done
    replaced = mail_track(CUT, Seen(cut=True, replaced=True))[3]
    assert (replaced.done, replaced.detail) == (True, "no stream goes over it")


def test_what_is_not_about_a_provider_has_a_checklist_of_its_own() -> None:
    held = (View(Hypothesis.LEAKED_HERE, 6.0, True, True, ()),)
    house = msgspec.structs.replace(OPEN, subject=OUR_HOUSE, opinions=held)
    items = security_track(house, Seen(old_keys=2, old_sessions=1, unexplained=3), NOBODY)
    assert _done(items) == [False, False, False, False, False, None]
    assert items[1].detail == "2 keys of before it still work"
    quiet = msgspec.structs.replace(house, opinions=())
    assert _done(security_track(quiet, Seen(notes=1), NOBODY)) == [*(True,) * 5, None]
    way = (View(Hypothesis.INTERCEPTED, 1.4, True, True, (), highest=1.4, highest_at=1),)
    altered = msgspec.structs.replace(house, opinions=way)
    assert _done(security_track(altered, Seen(notes=1), NOBODY)) == [False, True, True, None]
    # No key of ours leaked by that; both lists, where both were held.
    let_go = msgspec.structs.replace(way[0], open=False)
    gone = msgspec.structs.replace(house, opinions=(let_go,))
    assert _done(security_track(gone, Seen(), NOBODY)) == [True, True, False, None]
    both = msgspec.structs.replace(house, opinions=(*held, *way))
    assert len(security_track(both, Seen(), NOBODY)) == len(items)
    domain = msgspec.structs.replace(OPEN, subject=domain_subject("example.com"))
    assert _done(security_track(domain, Seen(watched=9, alike=1), NOBODY)) == [
        *(False, False, True, False)
    ]
    assert security_track(domain, Seen(), NOBODY)[1].done is None, "nobody looks"
    mailbox = msgspec.structs.replace(OPEN, subject=mailbox_subject("example.net"))
    items = security_track(mailbox, Seen(accounts=9, with_factor=8, notes=1), NOBODY)
    assert _done(items) == [False, False, True]


def test_owners_who_were_written_to_and_not_reached_are_still_owed() -> None:
    seen = Seen(applied=frozenset({"notify_owners"}), told=3, not_told=1)
    assert security_track(CUT, seen, SOME)[-1].done is False


def test_where_nothing_happened_nothing_is_to_be_done() -> None:
    assert _done(security_track(QUIET, Seen(), NOBODY)) == [None, None, None, None]
