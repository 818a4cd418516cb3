"""Doctor checks: DNS records of our sender domains, such as SPF, DKIM and MX (pure over
``Records``).

Provider options that are read here: ``dkim_selector`` and ``dkim_domain`` (the signing selector and
domain; by default the sender's own), ``return_path_domain`` (where bounces go, which is the domain
that SPF is about).
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from mailkeep.app.settings import ProviderSettings, Settings
from mailkeep.base import addresses

from . import alignment, spf
from .catalogue import check
from .house import NO_SETTINGS
from .records import Found, Records
from .types import Said, Scene, failed, not_checked, ok, warning

WEAK, SHORT = 1024, 2048  #: bits of an RSA key; RFC 8301 section 3.2
UNKNOWN = "DNS did not answer"


def senders(scene: Scene) -> dict[str, tuple[ProviderSettings, ...]]:
    """The domains that we send as, as far as the settings tell, and who carries each. Development
    mode sends as an example's domain (RFC 2606), which is nobody's to mend."""
    if scene.settings is None or scene.offline:
        return {}
    carriers = {} if scene.development else _named(scene.settings)
    for domain in scene.domains:
        carriers.setdefault(domain, set()).update(scene.settings.provider_names())
    return {
        domain: tuple(one for one in scene.settings.provider if one.name in names)
        for domain, names in carriers.items()
    }


def _named(settings: Settings) -> dict[str, set[str]]:
    """The domains that the settings name, and the providers of each."""
    streams = settings.streams()
    uses: list[tuple[str, tuple[str, ...]]] = []
    if (recovery := settings.recovery) is not None:
        uses.append((recovery.sender, (recovery.stream, recovery.notices, recovery.confirmations)))
    if (canary := settings.canary) is not None:
        uses.append((canary.sender, (canary.stream,)))
    carriers: dict[str, set[str]] = {}
    for sender, names in uses:
        routes = {one.provider for name in names for one in streams[name].routes}
        carriers.setdefault(addresses.domain(sender).lower(), set()).update(routes)
    return carriers


@check("dns.sender_spf")
def sender_spf(scene: Scene) -> list[Said]:
    """The record of the domain in From; what counts for delivery is that of the return path."""
    out = []
    for domain, carriers in senders(scene).items():
        found = spf.read(scene.records, domain)
        foreign = [one for one in found.own if not alignment.below(one, domain)]
        apart = all("return_path_domain" in one.options for one in carriers)
        if found.pending or found.error:
            out.append(not_checked(f"The SPF record of {domain}: {UNKNOWN}.", about=domain))
        elif found.problem:
            out.append(_problem(found, domain))
        elif found.record is None:
            out.append(
                warning(
                    f"{domain} has no SPF record: anyone may use it as a return path.",
                    f'publish TXT "v=spf1 -all" at {domain}, when nothing bounces to it',
                    about=domain,
                )
            )
        elif foreign:
            step = f"take it out of {domain}: bounces go to subdomains"
            if not apart:
                step = (
                    "give every provider a return path of its own (return_path_domain), then take "
                    f"it out of {domain}"
                )
            out.append(
                warning(
                    f"{domain} lets in {', '.join(foreign)}: every customer of that provider can "
                    "send as you.",
                    step,
                    about=domain,
                )
            )
        elif not found.closes:
            out.append(
                warning(
                    f"The SPF record of {domain} ends without -all or ~all, and so forbids nobody.",
                    "end it with -all",
                    about=domain,
                )
            )
        else:
            words = f"{found.lookups} of {spf.MOST_LOOKUPS} look-ups"
            out.append(ok(f"The SPF record of {domain} lets nobody else in ({words}).", domain))
    return out or nothing(scene)


@check("dns.return_path")
def return_path(scene: Scene) -> list[Said]:
    """Where bounces go, and whose SPF record receivers look at."""
    out = []
    for one in _carriers(scene):
        domain = one.options.get("return_path_domain", "").lower()
        if not domain:
            out.append(
                not_checked(
                    f"It is not known where bounces of {one.name} go.",
                    f"say options.return_path_domain of {one.name}",
                    about=one.name,
                )
            )
            continue
        found = spf.read(scene.records, domain)
        mail = _takes_mail(scene.records, domain)
        if found.pending or found.error or mail is None:
            out.append(not_checked(f"The return path {domain}: {UNKNOWN}.", about=one.name))
        elif found.problem:
            out.append(_problem(found, domain, one.name))
        elif found.record is None:
            out.append(
                failed(
                    f"The return path {domain} of {one.name} has no SPF record.",
                    f"publish at {domain} what {one.name} asks for",
                    about=one.name,
                )
            )
        elif not mail:
            out.append(
                failed(
                    f"No server takes mail for {domain}: bounces of {one.name} are lost.",
                    f"publish the MX record that {one.name} asks for",
                    about=one.name,
                )
            )
        else:
            words = f"{found.lookups} of {spf.MOST_LOOKUPS} look-ups"
            out.append(ok(f"{domain} has an SPF record ({words}) and takes bounces.", one.name))
    return out or nothing(scene)


@check("dns.listener")
def listener(scene: Scene) -> list[Said]:
    """Canaries, and bounces of relays, are to come to our own door."""
    settings = scene.settings
    if settings is None or scene.offline:
        return nothing(scene)
    host = (settings.bounces.host or urlsplit(settings.public_url).hostname or "").lower()
    wanted = {
        one.options["return_path_domain"].strip().lower(): f"bounces of {one.name}"
        for one in settings.provider
        if one.kind == "smtp" and one.options.get("return_path_domain", "").strip()
    }
    if settings.canary is not None and settings.canary.listen:
        wanted[settings.canary.domain] = "canaries"
    out = []
    for domain, what in wanted.items():
        leads = _leads_to(scene.records, domain, host)
        if not settings.listens():
            step = "set [bounces] listen, or take return_path_domain out"
            out.append(failed(f"Nothing takes in the {what} at {domain}.", step, about=domain))
        elif leads is None:
            out.append(not_checked(f"Where mail for {domain} goes: {UNKNOWN}.", about=domain))
        elif leads:
            out.append(ok(f"Mail for {domain} comes to {host}: {what}.", domain))
        else:
            out.append(
                failed(
                    f"Mail for {domain} does not come to {host}: the {what} are lost.",
                    f"publish {domain} MX 10 {host}. (or name our listener in [bounces] host)",
                    about=domain,
                )
            )
    return out or [ok("No canary and no bounce is to come to a door of ours.")]


@check("dns.dkim")
def dkim(scene: Scene) -> list[Said]:
    out = []
    for domain, one in _pairs(scene):
        selector = one.options.get("dkim_selector")
        about = f"{one.name}, {domain}"
        if not selector:
            out.append(
                not_checked(
                    f"It is not known under which selector {one.name} signs.",
                    f"say options.dkim_selector of {one.name}",
                    about=about,
                )
            )
            continue
        signs = _signs_as(one, domain)
        key = alignment.dkim(scene.records, selector, signs)
        where = f"{selector}._domainkey.{signs}"
        step = f"publish at {where} what {one.name} asks for"
        if key.found in {Found.PENDING, Found.ERROR}:
            out.append(not_checked(f"The DKIM key of {one.name}: {UNKNOWN}.", about=about))
        elif key.problem or key.bits < (0 if key.kind == "ed25519" else WEAK):
            problem = key.problem or f"the key has {key.bits} bits, and receivers want {WEAK}"
            out.append(failed(f"{where}: {problem}.", step, about=about))
        elif key.testing:
            out.append(
                warning(f"{where} is marked as a test (t=y).", "take t=y out of it", about=about)
            )
        elif key.kind == "rsa" and key.bits < SHORT:
            out.append(
                warning(
                    f"{where} has {key.bits} bits; {SHORT} are what is good today.",
                    f"have {one.name} sign with a longer key",
                    about=about,
                )
            )
        else:
            out.append(ok(f"{where} holds a key of {key.bits} bits.", about))
    return out or nothing(scene)


@check("dns.dmarc")
def dmarc(scene: Scene) -> list[Said]:
    out = []
    for domain in senders(scene):
        policy = alignment.dmarc(scene.records, domain)
        step = f'publish TXT "v=DMARC1; p=reject; rua=mailto:…" at _dmarc.{domain}'
        if policy.found in {Found.PENDING, Found.ERROR}:
            out.append(not_checked(f"The DMARC record of {domain}: {UNKNOWN}.", about=domain))
        elif policy.found is Found.NONE:
            out.append(
                failed(f"{domain} has no DMARC record: anyone can send as you.", step, domain)
            )
        elif policy.problem:
            out.append(failed(f"_dmarc.{policy.where}: {policy.problem}.", step, domain))
        elif policy.policy == "none":
            out.append(
                warning(
                    f"DMARC of {domain} only watches (p=none): mail of others as you is delivered.",
                    "when the reports show your own mail only, say p=quarantine, then p=reject",
                    domain,
                )
            )
        else:
            out.append(ok(f"Mail of others as {domain} meets p={policy.policy}.", domain))
    return out or nothing(scene)


@check("dns.alignment")
def agreement(scene: Scene) -> list[Said]:
    """Of DKIM and SPF one at least must prove a domain that vouches for the one in From."""
    out = []
    for domain, one in _pairs(scene):
        policy = alignment.dmarc(scene.records, domain)
        about = f"{one.name}, {domain}"
        bounce = one.options.get("return_path_domain", "").lower()
        selector = one.options.get("dkim_selector")
        if policy.found in {Found.PENDING, Found.ERROR}:
            out.append(not_checked(f"The DMARC record of {domain}: {UNKNOWN}.", about=about))
            continue
        house = alignment.organisation(scene.records, domain)
        by = []
        if selector and alignment.aligned(
            domain, _signs_as(one, domain), house, strict=policy.strict_dkim
        ):
            by.append("DKIM")
        if bounce and alignment.aligned(domain, bounce, house, strict=policy.strict_spf):
            by.append("SPF")
        if by:
            out.append(
                ok(f"Mail of {one.name} as {domain} is vouched for by {' and '.join(by)}.", about)
            )
        elif selector or bounce:
            out.append(
                failed(
                    f"Neither what {one.name} signs as nor its return path is {domain}'s: under "
                    "DMARC its mail counts as forged.",
                    f"have {one.name} sign as {domain}, or bounce below it",
                    about=about,
                )
            )
        else:
            out.append(
                not_checked(
                    f"It is not known as whom {one.name} signs or bounces.",
                    f"say options.dkim_selector or options.return_path_domain of {one.name}",
                    about=about,
                )
            )
    return out or nothing(scene)


@check("dns.apart")
def apart(scene: Scene) -> list[Said]:
    """What two providers share, one that falls can use against the other's mail."""
    carriers = _carriers(scene)
    out = []
    for what, option in (("return path", "return_path_domain"), ("DKIM key", "dkim_selector")):
        users: dict[str, list[str]] = {}
        for one in carriers:
            if value := one.options.get(option, "").lower():
                domain = one.options.get("dkim_domain", "") if option == "dkim_selector" else ""
                users.setdefault(f"{value} {domain}".strip(), []).append(one.name)
        for value, names in users.items():
            if len(names) > 1:
                out.append(
                    warning(
                        f"{' and '.join(names)} share the {what} {value}: they cannot be cut off "
                        "one by one.",
                        "give each provider its own",
                        about=value,
                    )
                )
    return out or (
        [ok("Each provider has its own return path and key, where they are known.")]
        if carriers
        else nothing(scene)
    )


def _carriers(scene: Scene) -> list[ProviderSettings]:
    found = {one.name: one for carriers in senders(scene).values() for one in carriers}
    return list(found.values())


def _pairs(scene: Scene) -> Iterator[tuple[str, ProviderSettings]]:
    for domain, carriers in senders(scene).items():
        for one in carriers:
            yield domain, one


def _signs_as(one: ProviderSettings, domain: str) -> str:
    return (one.options.get("dkim_domain") or domain).lower()


def _takes_mail(records: Records, domain: str) -> bool | None:
    """Whether a server takes mail for it (RFC 5321 section 5.1, RFC 7505); None: not known."""
    servers = records.ask(domain, "MX")
    if servers.found is Found.SOME:
        return any(one.partition(" ")[2].strip(".") for one in servers.rows)
    found = [servers, records.ask(domain, "A"), records.ask(domain, "AAAA")]
    if any(one.found in {Found.PENDING, Found.ERROR} for one in found):
        return None
    return any(one.found is Found.SOME for one in found)


def _leads_to(records: Records, domain: str, host: str) -> bool | None:
    """Whether the server that is asked first takes a domain's mail at a host, by its name or by an
    address (RFC 5321 section 5.1); None: not known."""
    servers = records.ask(domain, "MX")
    if servers.found in {Found.PENDING, Found.ERROR}:
        return None
    ranked = [row.partition(" ") for row in servers.rows]
    best = min((int(rank) for rank, _, _ in ranked if rank.isdigit()), default=0)
    names = [name.strip(".").lower() for rank, _, name in ranked if rank == str(best)] or [domain]
    if host in names:
        return True
    own, theirs = _addresses(records, [host]), _addresses(records, names)
    return None if own is None or theirs is None else bool(own & theirs)


def _addresses(records: Records, names: list[str]) -> set[str] | None:
    answers = [records.ask(name, kind) for name in names if name for kind in ("A", "AAAA")]
    if any(one.found in {Found.PENDING, Found.ERROR} for one in answers):
        return None
    return {row for one in answers for row in one.rows}


def _problem(found: spf.Spf, domain: str, about: str = "") -> Said:
    return failed(
        f"The SPF record of {domain} counts as an error: {found.problem}.",
        "take out what no provider of yours needs",
        about or domain,
    )


def nothing(scene: Scene) -> list[Said]:
    """Why no domain was looked at."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    if scene.offline:
        return [not_checked(f"DNS was not asked; {scene.offline}.")]
    if scene.development:
        return [not_checked("Development mode sends as no domain of yours; see --domain.")]
    return [not_checked("The settings name no sender domain.", "name them with --domain")]
