"""Canaries of one provider still arrive, but fail SPF, DKIM or DMARC, which they passed before.

Sees: ``CanaryArrived`` at mailboxes that others keep, with what their host wrote of it (``failed``,
RFC 8601). At mailboxes where nobody is trusted to say so, nothing ever fails.
Method: what fails in ``IN_A_ROW`` canaries one after the other, of a provider and a mailbox where
``PASSED`` had passed before. What never passed is a set-up that was never right: the doctor says
so.
Evidence (judged, not measured): provider compromised, 1.5 nats where DKIM fails (the mail was
changed on its way, or signed by somebody else; a selector that was taken out of DNS, about once in
ten weeks, looks the same), 0.7 where SPF alone does (it left by other machines); provider silent,
2.0 nats where DMARC fails, for that mail is filed as spam or refused. Where canaries of another
provider fail at the same mailbox too, it is our DNS or that host: no provider is accused. It opens
nothing alone.
Taken back: by the first canary that passes.
False alarms: a key rotated before its record was out; a host with a fault. Delay: ``IN_A_ROW``
canaries of that mailbox, about half an hour. Evasion: altering mail to other people only.
Who could forge it: the provider, and whoever keeps the mailbox; so it counts as customers' word.
State: 64 pairs of a provider and a mailbox.
"""

import msgspec

from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import CanaryArrived
from mailkeep.watch.types import (
    MOST_EVENTS,
    OURS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "authentication_lost"
MOST = 64  #: pairs
PASSED = 5  #: canaries that passed before
IN_A_ROW = 3
ALTERED, ELSEWHERE, FILED = 1.5, 0.7, 2.0


class Box(msgspec.Struct, frozen=True):
    """One provider at one mailbox. ``passed``: canaries, counted to ``PASSED``; ``what``: failed in
    each of the last ``failing``; ``said``: that stands."""

    provider: str
    mailbox: str
    passed: int = 0
    failing: int = 0
    what: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    said: bool = False


class State(msgspec.Struct, frozen=True):
    settings: None = None
    boxes: dict[str, Box] = {}


def start(_settings: WatchSettings) -> State:
    return State()


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, CanaryArrived) or fact.mailbox in OURS:
        return state, []
    key = f"{fact.provider} {fact.mailbox}"
    box = state.boxes.get(key, Box(fact.provider, fact.mailbox))
    if key not in state.boxes and len(state.boxes) >= MOST:
        return state, []
    said = box.said
    if not fact.failed:
        passed = min(PASSED, box.passed + 1)
        box = Box(box.provider, box.mailbox, passed)
    else:
        what = fact.failed if not box.failing else tuple(set(box.what) & set(fact.failed))
        failing = box.failing + 1 if what else 1
        box = msgspec.structs.replace(
            box,
            failing=min(failing, IN_A_ROW),
            what=tuple(sorted(what or fact.failed)),
            ids=(*box.ids, recorded.id)[-MOST_EVENTS:],
        )
        if box.failing >= IN_A_ROW and box.passed >= PASSED:
            box = msgspec.structs.replace(box, said=True)
    state = msgspec.structs.replace(state, boxes={**state.boxes, key: box})
    if box.said == said:
        return state, []
    return state, _signals(state, box, recorded)


def _signals(state: State, box: Box, recorded: Recorded) -> list[Signal]:
    """What is said of every provider that this bears on: where two fail, neither is accused."""
    failing = [one for one in state.boxes.values() if one.said and one.mailbox == box.mailbox]
    names = {box.provider} | {one.provider for one in failing}
    return [_signal(state, name, recorded) for name in sorted(names)]


def _signal(state: State, provider: str, recorded: Recorded) -> Signal:
    evidence: dict[Hypothesis, float] = {}
    mine = [one for one in state.boxes.values() if one.said and one.provider == provider]
    for box in mine:
        shared = any(
            one.said and one.mailbox == box.mailbox and one.provider != provider
            for one in state.boxes.values()
        )
        said = {} if shared else _evidence(box)
        for hypothesis, weight in said.items():
            evidence[hypothesis] = max(weight, evidence.get(hypothesis, 0.0))
    where = ", ".join(f"{'/'.join(box.what)} at {box.mailbox}" for box in mine)
    now = recorded.placed_at
    ids = tuple(one for box in mine for one in box.ids) or (recorded.id,)
    return Signal(
        detector=NAME,
        family=Family.CONTENT,
        subject=provider_subject(provider),
        evidence=evidence,
        at=now,
        reason=f"canaries sent through {provider} no longer pass: {where}"
        if mine
        else f"canaries sent through {provider} pass again",
        events=ids[-MOST_EVENTS:],
        own_observation=False,
        forger=Forger.CUSTOMERS,
        half_life=43_200.0,
        expires_at=now + seconds(2 * 86_400),
        restates=True,
    )


def _evidence(box: Box) -> dict[Hypothesis, float]:
    out: dict[Hypothesis, float] = {}
    if "dkim" in box.what:
        out[Hypothesis.PROVIDER_COMPROMISED] = ALTERED
    elif "spf" in box.what:
        out[Hypothesis.PROVIDER_COMPROMISED] = ELSEWHERE
    if "dmarc" in box.what:
        out[Hypothesis.PROVIDER_SILENT] = FILED
    return out


DETECTOR = Detector(NAME, State, start, step, (CanaryArrived,))
