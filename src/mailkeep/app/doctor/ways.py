"""Doctor checks: streams, their routes, and what monitors them (pure)."""

from itertools import combinations

from mailkeep.app import wiring_observation
from mailkeep.watch.levels import Level

from .catalogue import check
from .house import NO_SETTINGS
from .types import Said, Scene, failed, not_checked, ok, warning

DAY_SECONDS = 86_400.0
MOST_SHARE = 0.25  #: of a provider's mail in the canaries' stream, that may be canaries (judged)


@check("recovery.two_routes")
def two_routes(scene: Scene) -> list[Said]:
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    recovery = scene.settings.recovery
    if recovery is None:
        return [not_checked("Mailkeep keeps no accounts here: there is no [recovery].")]
    graph = scene.graph
    parties = {one.name: one.party for one in scene.settings.provider}
    named = [one.provider for one in scene.settings.streams()[recovery.stream].routes]
    routes = [one for one in named if one not in scene.database.cut]
    gone = _cut_off(scene, named)
    pairs = [
        (a, b)
        for a, b in combinations(dict.fromkeys(routes), 2)
        if graph.independent({parties[a]}, {parties[b]}).ok
    ]
    if not pairs:
        return [
            failed(
                f"No two routes of {recovery.stream}{gone} are independent: nobody can reset a"
                " password.",
                f"add a provider of another party to {recovery.stream}",
            )
        ]
    spare = {one for pair in pairs for one in pair}
    if not all(any(one not in pair for pair in pairs) for one in spare):
        return [
            warning(
                f"Two independent routes{gone} carry resets; when one falls, nobody can reset a"
                " password.",
                f"add a third provider of another party to {recovery.stream}",
            )
        ]
    return [ok(f"Resets have two independent routes{gone}, and still have when one falls.")]


def _cut_off(scene: Scene, routes: list[str]) -> str:
    """Words for those of some routes that are cut off."""
    cut = sorted(scene.database.cut & set(routes))
    return f" ({', '.join(cut)}: cut off)" if cut else ""


@check("streams.routes")
def stream_routes(scene: Scene) -> list[Said]:
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    graph = scene.graph
    parties = {one.name: one.party for one in scene.settings.provider}
    out = []
    for stream in scene.settings.stream:
        named = list(dict.fromkeys(one.provider for one in stream.routes))
        names = [one for one in named if one not in scene.database.cut]
        gone = _cut_off(scene, named)
        if not names:
            out.append(
                failed(
                    f"{stream.name} has no route{gone}.", "give it a provider", about=stream.name
                )
            )
        elif not any(
            graph.independent({parties[a]}, {parties[b]}).ok for a, b in combinations(names, 2)
        ):
            out.append(
                warning(
                    f"All mail of {stream.name} hangs on one party{gone}; when it falls, it waits.",
                    f"add a provider of another party to {stream.name}",
                    about=stream.name,
                )
            )
    if not scene.settings.stream:
        return [failed("There is no stream: no mail can be handed in.", "add a [[stream]]")]
    return out or [ok("Every stream has two routes of different parties.")]


@check("canaries")
def canaries(scene: Scene) -> list[Said]:
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    canary = scene.settings.canary
    if canary is None and wiring_observation.level(scene.settings) is Level.OBSERVE:
        return [not_checked("Nothing is sent at this level, and so no canary.")]
    if canary is None:
        return [
            warning(
                "No canaries are sent: a provider that says yes and delivers nothing is noticed "
                "late.",
                "set [canary] with a domain of your own",
            )
        ]
    stream = scene.settings.streams()[canary.stream]
    through = {one.provider for one in stream.routes}
    blind = sorted(scene.settings.provider_names() - through)
    if blind:
        return [
            warning(
                f"No canary goes through {', '.join(blind)}.",
                f"add them as routes of {stream.name}; weight 0 carries canaries alone",
            )
        ]
    if cut := sorted(scene.database.cut & scene.settings.provider_names()):
        return [ok(f"Canaries go through every provider but what is cut off: {', '.join(cut)}.")]
    return [ok("Canaries go through every provider.")]


@check("canaries.letters")
def canary_letters(scene: Scene) -> list[Said]:
    """Whether canaries are written as the house's own mail."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    canary = scene.settings.canary
    if canary is None or scene.development:
        return [not_checked("No canary goes out to anybody.")]
    if not canary.letter:
        return [
            warning(
                "Canaries are written as the letters that Mailkeep brings: whoever has read its"
                " code tells them from your mail, and spares them.",
                "add a few [[canary.letter]] that read like mail of your own",
            )
        ]
    return [ok(f"Canaries are written as {len(canary.letter)} letters of your own.")]


@check("canaries.share")
def canary_share(scene: Scene) -> list[Said]:
    """How many of the mails that a provider carries are canaries: they are paid for as well."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    canary, carried = scene.settings.canary, scene.database.carried
    if canary is None or scene.development:
        return [not_checked("No canary goes out to anybody.")]
    if not carried:
        return [not_checked("No mail went out in the canaries' stream within a day.")]
    a_day = sum(
        DAY_SECONDS / one for one in (canary.interval, *(m.interval for m in canary.mailbox))
    )
    routes = scene.settings.streams()[canary.stream].routes
    out = []
    for name in dict.fromkeys(one.provider for one in routes):
        mails = carried.get(name, 0)
        if a_day > MOST_SHARE * (mails + a_day):
            out.append(
                warning(
                    f"{a_day:,.0f} canaries go through {name} in a day, beside {mails:,} mails of"
                    f" {canary.stream}: they cost as much, and stand out.",
                    f"raise interval in [canary], or give {name} more of {canary.stream}",
                    about=name,
                )
            )
    return out or [ok("Canaries are a small part of what their stream carries.")]


@check("providers.ready")
def ready(scene: Scene) -> list[Said]:
    """Whether a mail could be written for each provider: its key, its address, its options."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    if scene.development:
        return [not_checked("The stand-ins' secrets are in the process that started them.")]
    if wiring_observation.level(scene.settings) is Level.OBSERVE:
        return [not_checked("Nothing is sent at this level.")]
    out = [
        failed(f"No mail can leave by {name}: {why}.", "set right what is named", about=name)
        for name, why in scene.unready.items()
        if why
    ]
    if not scene.unready:
        return [not_checked("There is no provider whose key is there.")]
    return out or [ok("A mail can be written for every provider whose key is there.")]


@check("providers.limits")
def provider_limits(scene: Scene) -> list[Said]:
    """Whether who stands by could carry what recoveries take at their busiest."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    if scene.offline:
        return [not_checked(f"No provider was asked; {scene.offline}.")]
    peak, out = scene.database.peak, []
    for name, limit in scene.limits.items():
        told = limit.told
        if limit.refused:
            words, step = f"{name} does not accept our key: {told}.", f"put the right key of {name}"
            out.append(failed(words, f"{step} where its secret points", about=name))
        elif isinstance(told, str):
            out.append(not_checked(f"What {name} lets us send is not known: {told}.", about=name))
        elif not told.sends:
            step = f"switch {name} to live delivery"
            out.append(failed(f"{name} is in its sandbox: it delivers nothing.", step, about=name))
        elif limit.share is not None and limit.share < 1:
            out.append(
                warning(
                    f"{name} lets us send {told.hourly} mails an hour: {limit.share:.0%} of the "
                    f"{peak} that recoveries took in their busiest hour of the last weeks.",
                    f"have {name} raise the quota, or send more through it in time (warm)",
                    about=name,
                )
            )
        elif told.hourly is not None:
            words = f"{name} lets us send {told.hourly} mails an hour; recoveries took {peak}"
            out.append(ok(f"{words} in their busiest.", name))
        else:
            out.append(ok(f"{name} delivers, and tells no limit.", name))
    return out or [not_checked("No provider could be asked.")]
