"""Decides from opinions which incidents open, change or close (pure).

One provider has one incident, whatever is suspected of it: whoever is woken reads one page. A
campaign joins the provider that explains it best, and stands alone where none does; several
targeted accounts join an open campaign that names them. Opening and closing have different
thresholds (hysteresis), and what a person closed does not reopen on evidence that the person had
seen (``dismissal``), so incidents do not flap.
"""

from collections.abc import Iterable, Mapping, Sequence, Set

import msgspec

from mailkeep.base.clock import SECOND, Instant
from mailkeep.watch.asking import accuses
from mailkeep.watch.correlation import Opinion
from mailkeep.watch.types import RESETS, CorrelationSettings, Forger, Hypothesis, Subject

from .dismissal import MATERIAL, seen
from .types import Incident, IncidentSettings, Reason, State, View

_COMPROMISED, _CAMPAIGN = Hypothesis.PROVIDER_COMPROMISED, Hypothesis.CAMPAIGN

#: The gravest first.
_GRAVITY = {one: rank for rank, one in enumerate(Hypothesis)}

_HELD = {
    Hypothesis.PROVIDER_COMPROMISED: "{} may be compromised",
    Hypothesis.PROVIDER_SILENT: "{} may not carry our mail",
    Hypothesis.CAMPAIGN: "somebody may be attacking many accounts",
    Hypothesis.LEAKED_HERE: "something may have leaked from our own house",
    Hypothesis.INTERCEPTED: "mail may be altered between a provider and us, or by one that hides",
    Hypothesis.ACCOUNT_TARGETED: "somebody may be after the account {}",
    Hypothesis.DOMAIN_ABUSED: "somebody may be sending as {}",
    Hypothesis.MAILBOX_COMPROMISED: "somebody may be reading mailboxes at {}",
}


class Line(msgspec.Struct, frozen=True):
    """A line for the timeline, with the facts that it rests on."""

    kind: str
    text: str
    events: tuple[str, ...]


class Opening(msgspec.Struct, frozen=True):
    """Open an incident about ``subject``."""

    subject: Subject
    opinions: tuple[View, ...]
    lines: tuple[Line, ...]


class Change(msgspec.Struct, frozen=True):
    """Write down what an incident's opinions have become. Without lines it is only drift."""

    incident: str
    opinions: tuple[View, ...]
    quiet_since: Instant | None
    lines: tuple[Line, ...]


class Closing(msgspec.Struct, frozen=True):
    """End an incident. ``joined``: the subject whose incident goes on with it."""

    incident: str
    joined: Subject | None = None


Step = Opening | Change | Closing


def decide(
    opinions: Sequence[Opinion],
    live: Sequence[Incident],
    dismissed: Sequence[Incident],
    now: Instant,
    settings: IncidentSettings,
    weights: CorrelationSettings,
) -> list[Step]:
    """The steps to take, openings first.

    Args:
        live: incidents that are not closed.
        dismissed: incidents that a person closed recently.
        weights: the log odds at which a held opinion is dropped, and what counts as a sign.
    """
    standing = {one.subject: one for one in live}
    about: dict[Subject, list[Opinion]] = {}
    for opinion in opinions:
        about.setdefault(opinion.subject, []).append(opinion)
    campaign = about.pop(RESETS, [])
    views: dict[Subject, tuple[View, ...]] = {}
    for subject in sorted(about.keys() | {one.subject for one in live if one.subject != RESETS}):
        incident = standing.get(subject)
        before = () if incident is None else incident.opinions
        own = [one for one in before if one.hypothesis is not _CAMPAIGN]
        merged = _merge(own, about.get(subject, []), weights, now)
        if incident is not None or _opens(about[subject], merged, dismissed, now, settings):
            views[subject] = merged
    steps: list[Step] = _place_campaign(
        campaign, views, standing, dismissed, now, settings, weights
    )
    steps += _place_accounts(views, standing, settings)
    for subject, merged in views.items():
        incident = standing.get(subject)
        if incident is None:
            steps.append(Opening(subject, merged, _lines(subject, (), merged)))
        else:
            steps += _go_on(incident, merged, now, settings)
    # Openings first: an incident must exist before another one joins it.
    return sorted(steps, key=lambda one: not isinstance(one, Opening))


def grew(before: tuple[View, ...], after: tuple[View, ...]) -> bool:
    """Whether more speaks for something that is held."""
    earlier = {one.hypothesis: one for one in before}

    def more(view: View) -> bool:
        old = earlier.get(view.hypothesis)
        if old is None or view.log_odds > old.log_odds:
            return True
        return view.firm is not None and (old.firm is None or view.firm > old.firm)

    return any(view.open and more(view) for view in after)


def held_again(before: Iterable[View], after: Iterable[View]) -> tuple[Hypothesis, ...]:
    """What is held once more after it was let go, or after nothing was held: whoever saw to the
    incident may believe it over, and who waited for that is not the matter that they saw to."""
    earlier = {one.hypothesis: one for one in before}
    quiet = not any(one.open for one in earlier.values())

    def anew(view: View) -> bool:
        old = earlier.get(view.hypothesis)
        return quiet or (old is not None and not old.open and old.highest is not None)

    return tuple(one.hypothesis for one in after if one.open and anew(one))


def _place_campaign(
    campaign: list[Opinion],
    views: dict[Subject, tuple[View, ...]],
    standing: dict[Subject, Incident],
    dismissed: Sequence[Incident],
    now: Instant,
    settings: IncidentSettings,
    weights: CorrelationSettings,
) -> list[Step]:
    """Put the campaign's opinion into ``views``, where it belongs."""
    joined = {
        subject: view
        for subject, incident in standing.items()
        for view in incident.opinions
        if view.hypothesis is _CAMPAIGN
    }
    before = sorted(joined.values(), key=lambda one: not one.open)[:1]
    alone = standing.get(RESETS)
    host = _host(views, joined.keys())
    if host is None or (alone is not None and alone.word is not None):
        merged = _merge(before, campaign, weights, now)
        if alone is not None or _opens(campaign, merged, dismissed, now, settings):
            views[RESETS] = merged
        return []
    merged = _merge(before, campaign, weights, now)
    if before or any(one.open for one in merged):
        views[host] += merged
    return [] if alone is None else [Closing(alone.id, host)]


def _place_accounts(
    views: dict[Subject, tuple[View, ...]],
    standing: dict[Subject, Incident],
    settings: IncidentSettings,
) -> list[Step]:
    """Put accounts that somebody is after with the campaign, once they are several: a flood of
    them must not be as many incidents."""
    campaign = next(
        (
            subject
            for subject, opinions in views.items()
            for view in opinions
            if view.hypothesis is _CAMPAIGN and view.open
        ),
        None,
    )
    accounts = [
        subject
        for subject, opinions in views.items()
        if subject.kind == "account"
        and any(one.open for one in opinions)
        and (subject not in standing or standing[subject].word is None)
    ]
    if campaign is None or len(accounts) < settings.several:
        return []
    for subject in accounts:
        del views[subject]
    return [Closing(standing[one].id, campaign) for one in accounts if one in standing]


def _host(views: dict[Subject, tuple[View, ...]], joined: Set[Subject]) -> Subject | None:
    """The provider's incident that a campaign belongs to: where it is already, then the likeliest.

    An incident in which nothing is held explains nothing any more.
    """

    def rank(subject: Subject) -> tuple[bool, float, float]:
        odds = {one.hypothesis: one.log_odds for one in views[subject]}
        return (subject in joined, odds.get(_COMPROMISED, -99.0), max(odds.values()))

    able = [
        subject
        for subject, held in views.items()
        if subject.kind == "provider"
        and held
        and (subject in joined or any(one.open for one in held))
    ]
    return max(sorted(able), key=rank, default=None)


def _opens(
    opinions: Iterable[Opinion],
    merged: Iterable[View],
    dismissed: Sequence[Incident],
    now: Instant,
    settings: IncidentSettings,
) -> bool:
    held = {one.hypothesis for one in merged if one.open}
    return any(
        opinion.hypothesis in held and not seen(opinion, dismissed, now, settings)
        for opinion in opinions
    )


def _go_on(
    incident: Incident, merged: tuple[View, ...], now: Instant, settings: IncidentSettings
) -> list[Step]:
    quiet = None
    # What a person says stands until a person ends it.
    said = incident.word is not None and incident.word.hypothesis is not None
    if not said and not any(one.open for one in merged):
        quiet = now if incident.quiet_since is None else incident.quiet_since
    lines = _lines(incident.subject, incident.opinions, merged)
    steps: list[Step] = []
    if lines or quiet != incident.quiet_since or _drifted(incident.opinions, merged):
        steps.append(Change(incident.id, merged, quiet, lines))
    long = quiet is not None and now - quiet >= round(settings.close_after * SECOND)
    # What was cut off waits for a person, however quiet it is: a cut provider shows no signs.
    if long and incident.state is not State.CONTAINED:
        steps.append(Closing(incident.id))
    return steps


def _merge(
    before: Iterable[View],
    opinions: Iterable[Opinion],
    weights: CorrelationSettings,
    now: Instant,
) -> tuple[View, ...]:
    """Today's opinions over those of before; what nothing speaks for any more is let go, and
    stands at what it was before any evidence."""
    earlier = {one.hypothesis: one for one in before}
    kept = {
        name: msgspec.structs.replace(one, open=False, spent=True, log_odds=one.prior, firm=None)
        for name, one in earlier.items()
    }
    held = {name for name, one in earlier.items() if one.open}
    for opinion in opinions:
        still = opinion.hypothesis in held and opinion.log_odds >= weights.close_at
        kept[opinion.hypothesis] = View(
            opinion.hypothesis,
            round(opinion.log_odds, 2),
            opinion.open or still,
            _observed(opinion, weights),
            tuple(
                Reason(
                    detector=term.detector,
                    nats=round(term.counted, 2),
                    text=term.reason,
                    note=term.note,
                    events=term.events,
                    forger=term.forger,
                    said=round(term.said, 2),
                )
                for term in opinion.terms
            ),
            opinion.prior,
            firm=round(opinion.firm, 2),
        )
    return tuple(
        _ever(msgspec.structs.replace(one, alone=one.alone and one.open), earlier, now)
        for one in sorted(kept.values(), key=lambda one: (not one.open, _GRAVITY[one.hypothesis]))
    )


def _ever(view: View, earlier: Mapping[Hypothesis, View], now: Instant) -> View:
    """With the most that it ever stood at while it was held, and whether it accused then."""
    before = earlier.get(view.hypothesis)
    most, at = None, None
    if before is not None:
        most, at = before.highest, before.highest_at
        if most is None and before.open:  # written by a version that did not keep it
            most = before.log_odds
    if view.open and (most is None or view.log_odds > most):
        most, at = view.log_odds, now
    accused = before is not None and before.accuses
    if view.hypothesis is _COMPROMISED and view.open:
        accused = accused or accuses(view.reasons)
    return msgspec.structs.replace(view, highest=most, highest_at=at, accuses=accused)


def _observed(opinion: Opinion, weights: CorrelationSettings) -> bool:
    """Whether an act may rest on it alone: a sign that we saw ourselves and that nobody outside
    could have staged."""
    if opinion.hypothesis is Hypothesis.PROVIDER_COMPROMISED:
        return opinion.may_cut_automatically
    return opinion.open and any(
        one.own_observation and one.forger is Forger.NOBODY and one.counted >= weights.backing
        for one in opinion.terms
    )


def _lines(subject: Subject, before: Iterable[View], after: Iterable[View]) -> tuple[Line, ...]:
    """The timeline entries: a suspicion held or dropped, and every new kind of sign."""
    earlier = {one.hypothesis: one for one in before}
    lines = []
    for view in after:
        old = earlier.get(view.hypothesis)
        was_open = old is not None and old.open
        words = _HELD[view.hypothesis].format(subject.id)
        events = tuple(dict.fromkeys(e for one in view.reasons for e in one.events))
        if view.open and not was_open:
            lines.append(Line("raised", f"{words} ({view.log_odds:+.1f} nats)", events))
        elif was_open and not view.open:
            lines.append(Line("lowered", f"no longer held: {words}", events))
        if not view.open:
            continue
        known = set() if old is None or not was_open else {one.detector for one in old.reasons}
        lines += [
            Line("evidence", f"{one.text} ({one.nats:+.1f} nats)", one.events)
            for one in view.reasons
            if one.detector not in known and one.nats > 0
        ]
    return tuple(lines)


def _drifted(before: tuple[View, ...], after: tuple[View, ...]) -> bool:
    if len(before) != len(after):
        return True
    earlier = {one.hypothesis: one for one in before}
    for view in after:
        old = earlier.get(view.hypothesis)
        if old is None or old.open != view.open or old.alone != view.alone:
            return True
        if old.spent != view.spent or old.accuses != view.accuses:
            return True
        if abs(old.log_odds - view.log_odds) >= MATERIAL or _firmer(old, view):
            return True
        if [one.events for one in old.reasons] != [one.events for one in view.reasons]:
            return True
    return False


def _firmer(old: View, view: View) -> bool:
    if old.firm is None or view.firm is None:
        return old.firm is not view.firm
    return abs(old.firm - view.firm) >= MATERIAL
