"""Builds the trust graph from the settings: parties, routes, administrators and detectors."""

import importlib
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from mailkeep.accounts.classes import Classes
from mailkeep.base import addresses
from mailkeep.base.clock import Clock, iso
from mailkeep.base.errors import BadSettings
from mailkeep.posture import scene, words
from mailkeep.posture.types import Live, Provider, SinglePoint, TrustConfiguration, Watcher
from mailkeep.posture.whatif import Model, failing
from mailkeep.providers import registry
from mailkeep.providers.posture import registry as readers
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.playbooks import books
from mailkeep.trust import register
from mailkeep.trust.graph import TrustGraph
from mailkeep.trust.types import Party
from mailkeep.trust.world import NO_FACTOR, Group, with_custody
from mailkeep.watch.detectors.catalogue import DETECTORS
from mailkeep.watch.types import Hypothesis, PostureSettings

from . import detector_blindness, detector_coverage, left_providers, wiring_observation
from .settings import Settings

OURS, THEIRS = "ours", "theirs"  #: of a provider's option ``dkim``: who signs


def graph(settings: Settings, clock: Clock) -> TrustGraph:
    """The register's graph, whose overrides end on their day; by it is judged whether two routes
    are two."""
    return TrustGraph(judged(settings), lambda: iso(clock.now())[:10])


def judged(settings: Settings) -> dict[str, Party]:
    """The parties by which that is judged: who keeps the API secret of a provider counts too."""
    proofs = "" if settings.recovery is None else settings.recovery.stream
    return with_custody(
        register.load(settings.party), scene.accounts(_providers(settings, ())), proofs
    )


def house(settings: Settings) -> TrustConfiguration:
    """The settings' part of the trust graph."""
    check(settings)
    recovery, canary = settings.recovery, settings.canary
    senders = [one.sender for one in (recovery, canary) if one is not None]
    sending = tuple(dict.fromkeys(addresses.domain(one).lower() for one in senders))
    site = urlsplit(settings.public_url)
    play = next(
        one for one in books(settings.playbook) if one.hypothesis is Hypothesis.PROVIDER_COMPROMISED
    )
    posture = settings.posture
    return TrustConfiguration(
        register.load(settings.party),
        _providers(settings, sending),
        settings.streams(),
        recovery,
        Classes(settings.accounts.classes),
        sending,
        (site.hostname or "").lower(),
        watchers(settings),
        tuple(
            ACTIONS[name].title + (" (by itself)" if name in play.automatic else "")
            for name in play.actions
        ),
        detector_coverage.read(settings),
        PostureSettings().interval if posture is None else posture.interval,
        settings.trust,
        canaries=canary is not None,
        anchored=bool(settings.audit.anchors),
        encrypted=site.scheme == "https",
        sign_on=""
        if settings.operators is None
        else (urlsplit(settings.operators.issuer).hostname or settings.operators.issuer),
        consoles=_consoles(settings),
        left=left_providers.parties(settings),
    )


def _providers(settings: Settings, sending: tuple[str, ...]) -> tuple[Provider, ...]:
    """Our accounts at providers, and which keys of ours lie there."""
    read, out = detector_coverage.read(settings), []
    for one in settings.provider:
        able = registry.get(one.kind).capabilities
        reads = read.get(one.name) in readers.SENDS
        hooked = detector_coverage.reports(one)
        out.append(
            Provider(
                one.name,
                one.kind,
                one.party,
                _signed(one.options, sending),
                _returned(one.kind, one.options, sending),
                able.texts,
                (
                    *((scene.manager_of(one.name),) if one.manager else ()),
                    *((scene.reading_of(one.name),) if reads else ()),
                ),
                scene.hook_of(one.name) if hooked else "",
                hooked and able.webhook_auth == "shared_secret",
            )
        )
    return tuple(out)


def _consoles(settings: Settings) -> dict[str, dict[str, tuple[str, ...]]]:
    """Which acts at which party audit logs report."""
    parties = {one.name: one.party for one in settings.provider}
    out: dict[str, dict[str, tuple[str, ...]]] = {}
    for name, acts in wiring_observation.seen(settings).items():
        of = out.setdefault(parties.get(name, name), {})
        for act, logs in acts.items():
            of[act] = (*of.get(act, ()), *logs)
    return out


def check(settings: Settings) -> None:
    """Raises ``BadSettings`` where a provider's ``dkim`` cannot be so."""
    for one in settings.provider:
        said = one.options.get("dkim")
        where = f"provider {one.name}: options.dkim"
        if said not in {None, OURS, THEIRS}:
            raise BadSettings(f'{where}: say "{OURS}" or "{THEIRS}", not {said!r}')
        if said == OURS and one.kind != "smtp":
            raise BadSettings(f"{where}: {one.kind} writes each mail itself, and signs it")


def _signed(options: Mapping[str, str], sending: tuple[str, ...]) -> tuple[str, ...]:
    """Domains for which a key lies with the provider. Where nothing is said, it is thought to sign;
    what it is said to sign with counts more than that we sign."""
    own = options.get("dkim_domain", "").lower()
    if options.get("dkim") == OURS and not own and not options.get("dkim_selector"):
        return ()
    return tuple(dict.fromkeys((*sending, own))) if own else sending


def _returned(kind: str, options: Mapping[str, str], sending: tuple[str, ...]) -> tuple[str, ...]:
    """Domains that it stands for in SPF (RFC 7489 section 3.1.2, relaxed): bounces of them, or of
    another name of that house, come to it. A relay with no return path of its own has From's."""
    back = options.get("return_path_domain", "").lower()
    if not back:
        return sending if kind == "smtp" else ()
    house = addresses.organisation(back)
    return tuple(one for one in sending if addresses.organisation(one) == house)


def watchers(settings: Settings) -> dict[str, Watcher]:
    """Every detector, its delay as its own page tells it, why it is blind here if it is, and at
    which accounts it looks."""
    off = detector_blindness.reasons(settings)
    out = {}
    places = detector_coverage.places(settings)
    for one in DETECTORS:
        module = importlib.import_module(f"mailkeep.watch.detectors.{one.name}")
        why = off[one.name]
        brought = (
            detector_blindness.BROUGHT.get(one.name, "")
            if why in {detector_blindness.REPORTS, detector_blindness.ABUSE}
            else ""
        )
        found = Watcher(one.name, words.delay(module.__doc__ or ""), why, brought)
        if (there := places.get(one.name)) is not None:
            found = msgspec.structs.replace(found, at=there.at, elsewhere=there.elsewhere)
        out[one.name] = found
    return out


def supposed(known: TrustConfiguration, today: str) -> Model:
    """The installation before there is a database, with one account in each class that has no
    second factor: what the settings alone make possible."""
    groups = tuple(
        Group(name, NO_FACTOR, "*", *scene.held(known, name), accounts=1)
        for name in known.classes.names
    )
    providers = frozenset(one.name for one in known.providers)
    live = Live(today, providers, groups)
    return Model(known, live, scene.world(known, live))


def with_every_class(found: Model) -> Model:
    """The same with a group for each class that has no account yet: possible accounts count too."""
    there = {one.id for one in found.world.groups}
    more = supposed(found.house, found.live.today).world.groups
    groups = found.world.groups + tuple(
        msgspec.structs.replace(one, accounts=0) for one in more if one.id not in there
    )
    live = msgspec.structs.replace(found.live, groups=groups)
    return Model(found.house, live, scene.world(found.house, live))


def with_supposed(found: Model) -> Model:
    """The same where nobody has an account yet: with one in each class, as before there is a
    database. Else every answer about a new house would be that nobody loses anything."""
    if found.house.recovery is None or any(one.accounts for one in found.world.groups):
        return found
    groups = supposed(found.house, found.live.today).live.groups
    live = msgspec.structs.replace(found.live, groups=groups, counted_at=0)
    return Model(found.house, live, scene.world(found.house, live))


def single_points(settings: Settings, today: str) -> list[SinglePoint]:
    """Parties that could take an account by themselves, as far as the settings tell."""
    if settings.recovery is None:
        return []
    return failing(supposed(house(settings), today).single_points())
