"""Servers that send us mail begin to fail over TLS: somebody may be intercepting it.

Sees: ``TlsReported`` (RFC 8460), of reporters whom the settings believe. Failures that are our own
matter are left out: a certificate that ran out, a policy that cannot be read. What remains is what
a machine on the way brings about: no STARTTLS where there was, a certificate of another name or of
nobody's authority, a DNS that does not answer for itself.
Method: the share of sessions that failed so, each report by itself, against the usual share of that
domain, learned over ``memory`` days and never taken for less than 1 in 200; no report teaches more
than twice of it. It is said at ``factor`` times the usual, from ``least`` sessions on, once and
again after ``repeat_after``.
Evidence (judged, not measured): domain abused, 2.0 nats by one reporter's word and 2.4 by two
within two days: a renewal that went wrong is by far the commonest cause, and one network on the
way to us rarely is on the way of two senders. It opens nothing alone. No provider is accused: it
is about mail that comes to us, as bounces, reports and canaries do.
False alarms: a certificate renewed without its chain; a new MX that is not in the policy. Delay:
the report's, a day. Evasion: taking TLS out of little mail, or of mail from senders that report
nothing. Who could forge it: nobody but a believed reporter; what others report is not looked at.
State: 16 domains, 16 reporters of each.
"""

import math

import msgspec

from mailkeep.base.clock import DAY, Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import TlsReported
from mailkeep.watch.rates import kept
from mailkeep.watch.report_types import TlsSettings
from mailkeep.watch.types import (
    MOST_EVENTS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    domain_subject,
    seconds,
)

NAME = "tls_report"
MOST = 16  #: domains, and reporters of each
ONE, TWO = 2.0, 2.4
LEAST_SHARE = 0.005
TEACHES = 2.0  #: times the usual share, that one more report may add to it
TOGETHER = 2 * DAY
#: Failures for which somebody on the way is an explanation (RFC 8460 section 4.3).
STRANGE = frozenset(
    {
        *("starttls-not-supported", "certificate-host-mismatch", "certificate-not-trusted"),
        *("validation-failure", "tlsa-invalid", "dnssec-invalid", "sts-webpki-invalid"),
    }
)


class Domain(msgspec.Struct, frozen=True):
    """Sessions to one domain: ``failed`` of ``whole``, fading; ``told``: who said so last, when and
    by which fact."""

    failed: float = 0.0
    whole: float = 0.0
    last: Instant = 0
    said: Instant = 0
    told: dict[str, tuple[Instant, str]] = {}


class State(msgspec.Struct, frozen=True):
    settings: TlsSettings
    domains: dict[str, Domain] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.tls_report)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, TlsReported) or not fact.believed or not fact.domains:
        return state, []
    # A report is of one house's domains; its sums are of all of them together.
    name, now, settings = fact.domains[0], recorded.placed_at, state.settings
    if name not in state.domains and len(state.domains) >= MOST:
        return state, []
    domain = state.domains.get(name, Domain())
    whole = fact.fine + fact.failed
    failed: float = min(fact.failed, sum(count for kind, count in fact.results if kind in STRANGE))
    usual = max(LEAST_SHARE, domain.failed / domain.whole if domain.whole else 0.0)
    strange = (
        whole >= settings.least
        and domain.whole >= settings.learn_from
        and failed / whole >= settings.factor * usual
    )
    fade = math.exp(-(now - domain.last) / (settings.memory * DAY)) if domain.last else 1.0
    if not strange:  # what is strange does not teach itself to be usual, at once or by and by
        if domain.whole >= settings.learn_from:
            failed = min(failed, TEACHES * usual * whole)
        domain = msgspec.structs.replace(
            domain,
            failed=domain.failed * fade + failed,
            whole=domain.whole * fade + whole,
            last=now,
        )
        return _with(state, name, domain), []
    told = {who: one for who, one in domain.told.items() if now - one[0] < TOGETHER}
    more = fact.reporter not in told
    told = kept(told, fact.reporter, (now, recorded.id), MOST)
    again = now - domain.said >= seconds(settings.repeat_after)
    domain = msgspec.structs.replace(domain, told=told)
    if not (again or (more and len(told) == 2)):
        return _with(state, name, domain), []
    domain = msgspec.structs.replace(domain, said=now)
    return _with(state, name, domain), [_signal(name, fact, told, failed / whole, now)]


def _signal(
    name: str,
    fact: TlsReported,
    told: dict[str, tuple[Instant, str]],
    part: float,
    now: Instant,
) -> Signal:
    what = next(kind for kind, _ in fact.results if kind in STRANGE)
    return Signal(
        detector=NAME,
        family=Family.REPORTS,
        subject=domain_subject(name),
        evidence={Hypothesis.DOMAIN_ABUSED: ONE if len(told) < 2 else TWO},
        at=now,
        reason=counted(len(told), "reporter says", "reporters say")
        + f" that {part:.0%} of sessions to {name} fail: {what}",
        events=tuple(event for _, event in told.values())[-MOST_EVENTS:],
        own_observation=False,
        forger=Forger.NOBODY,
        half_life=86_400.0,
        expires_at=now + seconds(3 * 86_400),
        restates=True,
    )


def _with(state: State, name: str, domain: Domain) -> State:
    return msgspec.structs.replace(state, domains={**state.domains, name: domain})


DETECTOR = Detector(NAME, State, start, step, (TlsReported,))
