"""Checks of who is woken (pure)."""

from mailkeep.incidents.suspects import House
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
    house = House(parties, scene.graph)
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
