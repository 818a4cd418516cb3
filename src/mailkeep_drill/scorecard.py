"""Computes the scorecard of a run, and whether it met its targets (pure)."""

from collections import Counter

import msgspec

from .record import Alert, Facts, Moment

LATE = 30.0  #: seconds from which a mail counts as late
SLOW = 10.0  #: seconds from which mail does not count as flowing
NOTICED = 15.0  #: seconds within which silence is to be noticed, at one delivery a second
FLOWING = 30.0  #: seconds after a suspension within which all mail is to flow again
NAMED = 60.0  #: seconds from the first half proof to an incident that names the provider
_FLOWS, _NOTICED = "All mail flows again after the suspension", "Silence noticed"
_GIVEN = "Mails that the provider was given after it was left"
MOMENTS: tuple[Moment, ...] = ("before", "during", "after")


class Split(msgspec.Struct, frozen=True):
    """Counts by kind of account: with a password only, and with an authenticator."""

    password: int
    totp: int

    @property
    def all(self) -> int:
        """Both kinds."""
        return self.password + self.totp


class Target(msgspec.Struct, frozen=True):
    """Something that was to be reached.

    Attributes:
        value: what was reached; None: never.
        met: None where the run had no occasion for it; `note` says why.
    """

    name: str
    limit: float
    value: float | None
    met: bool | None
    unit: str = ""
    note: str = ""


class Card(msgspec.Struct, frozen=True):
    """One run's score. Times in seconds; None: it never happened.

    Attributes:
        attacked: accounts that the thief asked resets for.
        halves: accounts of which the thief had one proof of two taken.
        replaced: passwords that the thief wrote.
        silence_noticed: from the last delivery before the suspension to a notice of it.
        cut_before: how long before the suspension the provider had been cut off.
        flowing: from the suspension until all mail flowed again; see `flowing_again`.
        named_after_foreign: from the first canary with a foreign address to an incident that says
            the provider is compromised.
        named_after_half: the same from the first half proof; below 0 where it said so before.
    """

    key: str
    title: str
    kind: str
    attacked: Split
    lost: Split
    halves: Split
    replaced: Split
    locked_out: Split
    acknowledged: int
    mail_lost: int
    mail_late: int
    duplicates: int
    silence_noticed: float | None
    cut_before: float | None
    flowing: float | None
    named_after_foreign: float | None
    named_after_half: float | None
    exposed_true: int
    exposed_found: int | None
    told_due: int
    told: int
    honest: dict[str, str]
    actions: list[str]
    targets: list[Target]

    @property
    def passed(self) -> bool:
        """No target was missed."""
        return all(target.met is not False for target in self.targets)


def score(facts: Facts) -> Card:
    """Compute the card of one run; only ours has targets."""
    marks = facts.marks
    mail = [alert for alert in facts.alerts if alert.acknowledged is not None]
    ended = [end.address for end in facts.ends]
    cut_before = None
    if marks.cut_off is not None and marks.suspended is not None:
        cut_before = marks.suspended - marks.cut_off if marks.cut_off < marks.suspended else None
    half = min((one.half for one in facts.attempts if one.half is not None), default=None)
    named = _suspected(facts, "provider_compromised")
    silent = _suspected(facts, "provider_silent")
    since_delivery = marks.last_delivery_before
    card = Card(
        key=facts.key,
        title=facts.title,
        kind=facts.kind,
        attacked=_split([one.totp for one in facts.attempts if one.asked and one.address in ended]),
        lost=_split([end.totp for end in facts.ends if end.ending == "lost"]),
        halves=_split([one.totp for one in facts.attempts if one.half is not None]),
        replaced=_split([one.totp for one in facts.attempts if one.changed is not None]),
        locked_out=_split([end.totp for end in facts.ends if end.ending == "locked_out"]),
        acknowledged=len(mail),
        mail_lost=sum(alert.arrived is None for alert in mail),
        mail_late=sum(_delay(alert) > LATE for alert in mail if alert.arrived is not None),
        duplicates=facts.duplicates,
        silence_noticed=_between(since_delivery, silent),
        cut_before=cut_before,
        flowing=flowing_again(mail, marks.suspended),
        named_after_foreign=_between(marks.foreign_seen_by_canary, named),
        named_after_half=None if half is None or named is None else named - half,
        exposed_true=facts.exposure.true,
        exposed_found=facts.exposure.found,
        told_due=facts.exposure.due,
        told=facts.exposure.told,
        honest={moment: _honest(facts, moment) for moment in MOMENTS},
        actions=actions(facts),
        targets=[],
    )
    if facts.kind != "mailkeep":
        return card
    return msgspec.structs.replace(card, targets=_targets(card, facts, half))


def flowing_again(mail: list[Alert], suspended: float | None) -> float | None:
    """Seconds from the suspension until all mail flows: what was held up has arrived, what is new
    arrives within `SLOW`.

    Returns:
        0.0 when no mail was slow; None when the last was slow or lost, or there was none.
    """
    if suspended is None:
        return None
    after = sorted(
        (one for one in mail if one.acknowledged is not None and one.acknowledged >= suspended),
        key=lambda one: one.acknowledged or 0.0,
    )
    if not after:
        return None
    bad = [i for i, one in enumerate(after) if one.arrived is None or _delay(one) > SLOW]
    if not bad:
        return 0.0
    if bad[-1] == len(after) - 1:
        return None
    instants = [after[bad[-1] + 1].acknowledged or 0.0]
    instants += [after[i].arrived or 0.0 for i in bad]
    return max(instants) - suspended


def actions(facts: Facts) -> list[str]:
    """What was done, when, and by whom, in words; a key's id becomes a person."""
    words = []
    for step in facts.steps:
        if step.state in {"applied", "failed", "running"} and not any(
            later.incident == step.incident and later.name == step.name and later.at > step.at
            for later in facts.steps
            if step.state == "running"
        ):
            who = "the operator" if step.by.startswith("key") else f"the {step.by}"
            words.append(f"{step.name} {step.state} by {who} at {step.at:.0f} s")
    return words


def _targets(card: Card, facts: Facts, half: float | None) -> list[Target]:
    found = [
        _most("Accounts lost", 0, card.lost.all),
        _most("Customers locked out", 0, card.locked_out.all),
        _most("Acknowledged mail lost", 0, card.mail_lost),
    ]
    if facts.marks.suspended is None:
        note = "nothing stopped the mail"
        found.append(Target(_FLOWS, FLOWING, None, None, "s", note))
        found.append(Target(_NOTICED, NOTICED, None, None, "s", note))
    else:
        found.append(_most(_FLOWS, FLOWING, card.flowing, "s"))
        if card.cut_before is None:
            found.append(_most(_NOTICED, NOTICED, card.silence_noticed, "s"))
        else:
            note = f"the provider had been cut off {card.cut_before:.0f} s before it fell silent"
            found.append(Target(_NOTICED, NOTICED, None, None, "s", note))
    if facts.marks.leave is not None:
        given = None if facts.marks.left is None else facts.given_after
        found.append(_most(_GIVEN, 0, given))
    if facts.thief:
        name = "Incident names the provider after the first half proof"
        if half is None:
            note = "the thief got no half proof"
            found.append(Target(name, NAMED, None, None, "s", note))
        else:
            found.append(_most(name, NAMED, card.named_after_half, "s"))
    return found


def _most(name: str, limit: float, value: float | None, unit: str = "") -> Target:
    return Target(name, limit, value, value is not None and value <= limit, unit)


def _split(totp: list[bool]) -> Split:
    count = Counter(totp)
    return Split(count[False], count[True])


def _delay(alert: Alert) -> float:
    return (alert.arrived or 0.0) - (alert.acknowledged or 0.0)


def _between(first: float | None, then: float | None) -> float | None:
    return None if first is None or then is None else max(0.0, then - first)


def _suspected(facts: Facts, hypothesis: str) -> float | None:
    subject = f"provider {facts.fallen.lower()}"
    since = facts.marks.suspended or 0.0
    times = [
        one.at
        for one in facts.suspicions
        if one.hypothesis == hypothesis
        and one.subject == subject
        and (hypothesis != "provider_silent" or one.at >= since)
    ]
    return min(times, default=None)


def _honest(facts: Facts, moment: Moment) -> str:
    wanted = [one for one in facts.resets if one.moment == moment]
    done = [one for one in wanted if one.done is not None]
    if not wanted:
        return "none tried"
    again = sum(one.asked_times for one in wanted) - len(wanted)
    longest = max(((one.done or 0.0) - one.asked for one in done), default=0.0)
    words = f"{len(done)} of {len(wanted)}"
    if done:
        words += f", longest {longest:.0f} s"
    held = sum(one.held for one in wanted)
    words += f", {held} held" if held else ""
    return words + (f", asked again {again} times" if again else "")
