"""Doctor checks: third parties that our DNS shows and the register of parties leaves out (pure).

Only names in the catalogue are recognised: an unknown name may be our own.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from urllib.parse import urlsplit

from mailkeep.trust import register
from mailkeep.trust.catalogue import HOUSES, OF_PROVIDER, shown_by
from mailkeep.trust.graph import LONGEST
from mailkeep.trust.types import Party, PartyKind

from . import spf
from .catalogue import check
from .domains import nothing, senders
from .house import NO_SETTINGS
from .records import Found, Records
from .types import Said, Scene, not_checked, ok, warning

NAME_SERVERS = "name servers"
SOON = 30  #: days before an override ends in which it is told


@check("parties.seen")
def seen(scene: Scene) -> list[Said]:
    """MX, SPF, name servers, DKIM selectors and return paths speak of houses that we rely on."""
    if scene.settings is None or scene.offline:
        return nothing(scene)
    parties = register.load(scene.settings.party)
    known = {one.known for one in parties.values() if one.known} | parties.keys()
    out: dict[str, Said] = {}
    domains = _domains(scene)
    for domain in [*domains, *_pages(scene)]:
        for host, what in _hosts(scene, domain):
            house = shown_by(host)
            if house is None:
                continue
            serving = f'kind = "dns", serves = ["{domain}"]' if what == NAME_SERVERS else ""
            if house.id not in known:
                out.setdefault(
                    house.id,
                    warning(
                        f"{house.name} shows in the {what} of {domain} and is not registered.",
                        f'add [[party]] id = "{house.id}"' + (serving and f", {serving}"),
                        about=house.id,
                    ),
                )
            elif serving and not _answers(parties.values(), house.id, domain):
                out.setdefault(
                    house.id,
                    warning(
                        f"{house.name} answers for the names of {domain}, and the register does"
                        " not say so: what it could do with them follows from nothing.",
                        f'say {serving} of it, or can = ["dns:{domain}"]',
                        about=house.id,
                    ),
                )
    if not domains and not out:
        return nothing(scene)
    return list(out.values()) or [ok("Every house that shows in our DNS is registered.")]


def _domains(scene: Scene) -> list[str]:
    """Those that we send as, those that bounces come to, and what lies above them."""
    found = list(senders(scene))
    for one in scene.providers:
        for name in ("return_path_domain", "dkim_domain", "tracking_domain"):
            if domain := one.options.get(name, "").strip().lower():
                found.append(domain)
    return list(dict.fromkeys(found))


def _pages(scene: Scene) -> list[str]:
    """The host of our pages, where it is a name in DNS: a CDN shows there."""
    url = "" if scene.settings is None else scene.settings.public_url
    host = (urlsplit(url).hostname or "").lower()
    return [host] if "." in host and not host.replace(".", "").isdigit() else []


def _answers(parties: Iterable[Party], house: str, domain: str) -> bool:
    """Whether the register says of a house that it answers for a domain, or for one above it."""
    names = {domain.split(".", place)[-1] for place in range(domain.count(".") + 1)}
    return any(
        (one.kind in {PartyKind.DNS, PartyKind.REGISTRAR} and {*map(str.lower, one.serves)} & names)
        or {f"dns:{name}" for name in names} & {*one.can}
        for one in parties
        if one.known == house
    )


def _hosts(scene: Scene, domain: str) -> Iterator[tuple[str, str]]:
    records = scene.records
    for row in records.ask(domain, "MX").rows:
        yield row.partition(" ")[2], "MX records"
    for name in spf.read(records, domain).includes:
        yield name, "SPF record"
    for name in _above(records, domain):
        yield name, NAME_SERVERS
    for row in records.ask(domain, "CNAME").rows:
        yield row, "CNAME record"
    for selector in _selectors(scene):
        for row in records.ask(f"{selector}._domainkey.{domain}", "CNAME").rows:
            yield row, "DKIM selector"


def _above(records: Records, domain: str) -> tuple[str, ...]:
    """The name servers of a domain: its own, or of the nearest one above it that has any."""
    labels = domain.split(".")
    for place in range(len(labels) - 1):
        found = records.ask(".".join(labels[place:]), "NS")
        if found.found is not Found.NONE:
            return found.rows
    return ()


def _selectors(scene: Scene) -> list[str]:
    found = [one.options.get("dkim_selector", "").lower() for one in scene.providers]
    return sorted({one for one in found if one})


@check("parties.register")
def registered(scene: Scene) -> list[Said]:
    """What stands in the register is complete, looked at, and does not end unnoticed."""
    settings = scene.settings
    if settings is None:
        return [not_checked(NO_SETTINGS)]
    parties = register.load(settings.party)
    out = []
    for provider in settings.provider:
        house = OF_PROVIDER.get(provider.kind)
        party = parties[provider.party]
        owners = {provider.party, party.known, *party.owned_by, *party.relays_via}
        if house is None or _is_local(provider.base_url) or house in owners:
            continue
        theirs = set(HOUSES[house].owned_by)
        if not theirs or not theirs & owners:
            out.append(
                warning(
                    f"{provider.name} is {HOUSES[house].name}, of which its party {party.id} says"
                    " nothing: its owner counts for nobody.",
                    f'say known = "{house}" in [[party]] {party.id}',
                    about=provider.name,
                )
            )
    if scene.today:
        today = date.fromisoformat(scene.today)
        out += _ends(parties.values(), today)
        out += _unseen(parties.values(), today, settings.trust.review)
    return out or [ok("The register names who stands behind each provider.")]


def _ends(parties: Iterable[Party], today: date) -> Iterator[Said]:
    for party in parties:
        for one in party.independent:
            left = (date.fromisoformat(one.until) - today).days
            if left > LONGEST:
                yield warning(
                    f"That {party.id} is not tied to {one.of} does not count: {one.until} is over"
                    f" {LONGEST} days off.",
                    "say a day on which somebody looks at it again",
                    about=party.id,
                )
            elif left <= SOON:
                when = f"ends on {one.until}" if left > 0 else f"ended on {one.until}"
                yield warning(
                    f"That {party.id} is not tied to {one.of} {when}.",
                    "look at it again: say another day and reason, or take it out",
                    about=party.id,
                )


def _unseen(parties: Iterable[Party], today: date, days: float) -> Iterator[Said]:
    """Parties of the file whose entry is older than ``days``. Those that never said a day are left
    to the threat model, which lists them."""
    for party in parties:
        if party.reviewed and (today - date.fromisoformat(party.reviewed)).days > days:
            yield warning(
                f"{party.id} was last looked at on {party.reviewed}.",
                "look at who owns it, administers it and what it holds; then set reviewed",
                about=party.id,
            )


def _is_local(url: str) -> bool:
    return "://127.0.0.1" in url or "://localhost" in url
