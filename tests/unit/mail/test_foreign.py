"""What counts as mail of strangers in our account, told once and bounded."""

from mailkeep.base.clock import HOUR, MINUTE, SECOND
from mailkeep.base.ids import new_id
from mailkeep.mail.foreign import PER_MINUTE, Foreign
from mailkeep.providers.types import Claim, ClaimKind

NOW = 1_700_000_000 * SECOND


def _claim(
    theirs: str | None = "m1",
    ours: str | None = None,
    kind: ClaimKind = ClaimKind.SENT,
    at: int | None = NOW,
    by: str = "signature",
) -> Claim:
    return Claim("one", f"c {theirs} {kind}", kind, theirs, ours, None, at, "", by)


def _why(claim: Claim, *, elsewhere: bool = False) -> list[str]:
    return [one.why for one in Foreign().told(claim, NOW, ours_elsewhere=elsewhere)]


def test_mail_without_our_id_with_a_made_up_one_and_with_one_of_another_provider() -> None:
    assert _why(_claim()) == ["unmarked"]
    assert _why(_claim(ours="msg_made_up")) == ["unknown"]
    assert _why(_claim(ours=new_id("msg", NOW))) == ["unknown"]
    assert _why(_claim(ours=new_id("msg", NOW)), elsewhere=True) == ["not_given"]


def test_one_mail_is_told_once_whatever_is_said_of_it() -> None:
    foreign = Foreign()
    kinds = (ClaimKind.SENT, ClaimKind.DELIVERED, ClaimKind.BOUNCED)
    told = [foreign.told(_claim(kind=kind), NOW, ours_elsewhere=False) for kind in kinds]
    assert [len(one) for one in told] == [1, 0, 0]
    assert "m1" not in told[0][0].mail


def test_what_was_lost_with_its_transaction_is_told_when_it_comes_again() -> None:
    foreign = Foreign()
    for _ in range(2):
        assert foreign.told(_claim(), NOW, ours_elsewhere=False)
    assert not foreign.told(_claim(kind=ClaimKind.DELIVERED), NOW, ours_elsewhere=False)


def test_what_says_nothing_of_sending_or_proves_nothing_is_left() -> None:
    for claim in (
        _claim(kind=ClaimKind.OPENED),
        _claim(kind=ClaimKind.ACCOUNT_NOTICE),
        _claim(theirs=None),
        _claim(by="none"),
    ):
        assert _why(claim) == []


def test_a_late_report_of_mail_that_we_forgot_is_none_and_an_old_id_does_not_hide_new_mail() -> (
    None
):
    old = new_id("msg", NOW - 3 * HOUR)
    assert _why(_claim(ours=old, at=NOW - 3 * HOUR + SECOND)) == []
    assert _why(_claim(ours=old, at=NOW)) == ["unknown"]


def test_a_flood_is_a_count() -> None:
    foreign = Foreign()
    told = [
        one
        for n in range(10_000)
        for one in foreign.told(_claim(f"m{n}"), NOW, ours_elsewhere=False)
    ]
    assert len(told) == PER_MINUTE
    (last,) = foreign.told(_claim("next"), NOW + MINUTE, ours_elsewhere=False)
    assert last.untold == 10_000 - PER_MINUTE
