"""Doctor checks: paging and notification targets (pure)."""

from mailkeep.incidents.suspects import ProviderParties
from mailkeep.response.paging.whom import independent_of

from .catalogue import check
from .house import NO_SETTINGS
from .types import Said, Scene, not_checked, ok, warning


@check("pagers")
def pagers(scene: Scene) -> list[Said]:
    """Somebody is woken, by what the suspect does not carry."""
    settings = scene.settings
    if settings is None:
        return [not_checked(NO_SETTINGS)]
    if not settings.pager:
        return [
            warning(
                "Nobody is woken when an incident opens.",
                "add a [[pager]], and try it with `mailkeep pagers test`",
            )
        ]
    parties = {one.name: one.party for one in settings.provider}
    house = ProviderParties(parties, scene.graph)
    reached = {name for one in settings.pager for name in independent_of(one.party, house)}
    alone = sorted(parties.keys() - reached)
    return [
        warning(
            f"Whoever is in {name} may read or drop every page about it.",
            "give a [[pager]] a party that is independent of it",
            about=name,
        )
        for name in alone
    ] or [ok("Of every provider, some pager is independent.")]


@check("feeds")
def feeds(scene: Scene) -> list[Said]:
    """What is noticed is told to the systems that the settings name."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    out = []
    for one in scene.settings.feed:
        state = scene.database.feeds.get(one.name)
        if state is None:
            words = f"The feed {one.name} has not begun."
            out.append(not_checked(words, "start Mailkeep; see its log", about=one.name))
        elif state.error:
            words = f"The feed {one.name} is told nothing: {state.error}."
            step = f"set right where it goes, {one.to}; what was missed is told then"
            out.append(warning(words, step, about=one.name))
        elif state.refused:
            words = f"The feed {one.name} refused {state.refused} lines, which it was not told."
            step = "look at what it answers; docs/how-to/feed-other-systems.md has the schema"
            out.append(warning(words, step, about=one.name))
        else:
            out.append(ok(f"The feed {one.name} is told, {state.told} lines so far.", one.name))
    return out or [not_checked("No [[feed]] is in the settings: nobody else is told.")]


@check("event_webhooks")
def event_webhooks(scene: Scene) -> list[Said]:
    """Applications are told what became of their messages."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    out = []
    for one in scene.settings.event_webhook:
        state = scene.database.feeds.get(one.name)
        where = "docs/how-to/receive-delivery-events.md"
        if state is None:
            words = f"The event webhook {one.name} has not begun."
            out.append(not_checked(words, "start Mailkeep; see its log", about=one.name))
        elif state.error:
            words = f"The event webhook {one.name} does not take its events: {state.error}."
            step = f"set right what {one.to} answers; what waits is told then"
            out.append(warning(words, step, about=one.name))
        elif state.missed_since is not None:
            words = f"Of what the event webhook {one.name} is told, the log has forgotten a part."
            step = f"look the messages up from then on, by the API: {where}"
            out.append(warning(words, step, about=one.name))
        elif state.refused:
            words = f"The event webhook {one.name} refused {state.refused} events for good."
            step = f"look at what it answers, then `mailkeep events replay`: {where}"
            out.append(warning(words, step, about=one.name))
        else:
            out.append(ok(f"The event webhook {one.name} is told, {state.told} so far.", one.name))
    return out or [not_checked("No [[event_webhook]] is in the settings.")]


@check("canaries.mailboxes")
def mailboxes(scene: Scene) -> list[Said]:
    """Canary mailboxes that others keep can be read."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    canary = scene.settings.canary
    read = [] if canary is None else [one for one in canary.mailbox if one.imap is not None]
    out = []
    for one in read:
        state = scene.database.mailboxes.get(one.name)
        if state is None:
            words = f"The canary mailbox {one.name} was never read."
            out.append(not_checked(words, "start Mailkeep; see its log", about=one.name))
        elif state.error:
            words = f"The canary mailbox {one.name} cannot be read: {state.error}."
            step = "set [canary.mailbox.imap] right; until then nothing arrives there"
            out.append(warning(words, step, about=one.name))
        else:
            out.append(ok(f"The canary mailbox {one.name} is read.", one.name))
    return out or [not_checked("No canary mailbox is read by IMAP.")]


@check("anchors")
def anchors(scene: Scene) -> list[Said]:
    """The audit chain's head is taken to where this house cannot write, and lately."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    if not scene.settings.audit.anchors:
        words = "Whoever holds the database and the keys could write the audit log anew."
        step = "name a place in [audit] anchors: docs/how-to/anchor-the-audit-log.md"
        return [warning(words, step)]
    if not scene.database.anchors:
        return [not_checked("The database could not be asked how far the anchors are.")]
    out = []
    for place, fresh in scene.database.anchors:
        if fresh:
            out.append(ok(f"Its head was taken there at entry {place.number}.", place.place))
        elif not place.number:
            words = f"No head of the audit log was taken there yet{_why(place.error)}."
            out.append(warning(words, "start Mailkeep; see its log", about=place.place))
        else:
            words = f"The last head of the audit log there is too old{_why(place.error)}."
            out.append(warning(words, "look whether it can still be written to", about=place.place))
    return out


def _why(error: str | None) -> str:
    return f" ({error})" if error else ""
