"""The catalogue of threats by STRIDE: what mitigates each, and the test that shows it (pure).

A threat is a capability in the wrong hands; who could have it is computed, never written. A
mitigation says what switches it on in this installation, so that the page shows what is, and not
what could be. The tests are paths in Mailkeep's own repository; a test fails when one of them is
gone.
"""

from collections.abc import Callable, Mapping

import msgspec

from mailkeep.accounts.classes import FactorPolicy

from . import scene
from .types import House, Live

STRIDE: Mapping[str, str] = {
    "S": "Spoofing",
    "T": "Tampering",
    "R": "Repudiation",
    "I": "Information disclosure",
    "D": "Denial of service",
    "E": "Elevation of privilege",
}


class Mitigation(msgspec.Struct, frozen=True):
    """What mitigates a threat. ``on``: "" when it is on, else why it is not; ``shown``: tests."""

    words: str
    on: Callable[[House, Live], str]
    shown: tuple[str, ...]


class Threat(msgspec.Struct, frozen=True):
    """``verbs``: of the capabilities that carry it out; see ``words.VERBS``."""

    id: str
    stride: str
    words: str
    asset: str
    verbs: tuple[str, ...]
    answers: tuple[Mitigation, ...]


def _always(_house: House, _live: Live) -> str:
    return ""


def _accounts(house: House, _live: Live) -> str:
    return "" if house.recovery is not None else "Mailkeep keeps no accounts here"


def _two_routes(house: House, live: Live) -> str:
    if house.recovery is None:
        return "Mailkeep keeps no accounts here"
    stream = house.streams[house.recovery.stream]
    if len({one.provider for one in stream.routes} & live.standing) < 2:
        return "fewer than two routes stand"
    return "" if scene.world(house, live).pairs else "one party reads each two that stand"


def _factors(house: House, _live: Live) -> str:
    lax = [
        name
        for name in house.classes.names
        if house.classes.of(name).factor in {FactorPolicy.OPTIONAL, FactorPolicy.ENCOURAGED}
    ]
    return f"not asked of class {', '.join(lax)}" if lax else ""


def _watch(name: str) -> Callable[[House, Live], str]:
    def on(house: House, _live: Live) -> str:
        found = house.watchers.get(name)
        return "there is no such detector" if found is None else found.off

    return on


def _tls(house: House, _live: Live) -> str:
    return "" if house.encrypted else "public_url is not https"


def _passkey(_house: House, live: Live) -> str:
    return "" if live.console_passkey else "no operator has bound a passkey"


def _own_dkim(house: House, _live: Live) -> str:
    able = [one.name for one in house.providers if one.domains != () or one.returns]
    return f"not so of {', '.join(sorted(able))}" if able else ""


def _several(house: House, live: Live) -> str:
    thin = [
        name
        for name, one in house.streams.items()
        if len({route.provider for route in one.routes} & live.standing) < 2
    ]
    return f"one route or none: {', '.join(sorted(thin))}" if thin else ""


_SPLIT = Mitigation(
    "two proofs over routes that no party reads both of, judged again when they come back",
    _two_routes,
    ("tests/rooms/recovery", "tests/scenarios/test_matrix.py"),
)
_FACTOR = Mitigation(
    "the second factor comes before the password is written",
    _factors,
    ("tests/rooms/recovery", "tests/scenarios/test_drill.py"),
)

THREATS: tuple[Threat, ...] = (
    Threat(
        "reset-read",
        "E",
        "Somebody who reads mail at a provider starts resets and takes accounts",
        "accounts",
        ("take", "held"),
        (
            _SPLIT,
            _FACTOR,
            Mitigation(
                "half a proof in a strange browser names the route that is read",
                _watch("half_proof"),
                ("tests/unit/watch/test_detectors.py",),
            ),
        ),
    ),
    Threat(
        "mail-read",
        "I",
        "Somebody reads what customers are sent",
        "content of mail",
        ("read", "open"),
        (
            Mitigation(
                "secret bodies are sealed at rest and shredded once handed over",
                _always,
                ("tests/rooms/mail", "tests/web/test_secrets.py"),
            ),
            Mitigation(
                "reads and exports at the provider are looked for",
                _watch("export_seen"),
                ("tests/unit/watch/test_account_drift.py",),
            ),
        ),
    ),
    Threat(
        "addresses",
        "I",
        "Somebody takes the list of customers away",
        "addresses of customers",
        ("list",),
        (
            Mitigation(
                "the exposure ledger says which address was given to whom",
                _always,
                ("tests/rooms/mail",),
            ),
            Mitigation(
                "honey addresses that one provider alone was given name the leak",
                _watch("honey_hit"),
                ("tests/unit/watch/test_detectors.py",),
            ),
        ),
    ),
    Threat(
        "in-our-name",
        "S",
        "Somebody sends to customers as us",
        "our name",
        ("send", "text"),
        (
            Mitigation(
                "mail at a provider that we never sent is noticed",
                _watch("unknown_message"),
                ("tests/unit/watch/test_foreign_mail.py",),
            ),
            Mitigation(
                "receivers' DMARC reports are read",
                _watch("dmarc_stranger"),
                ("tests/unit/watch/test_dmarc_stranger.py",),
            ),
            Mitigation(
                "no provider has a key that signs as us, or stands for our name in SPF",
                _own_dkim,
                ("tests/unit/posture/test_whatif.py",),
            ),
        ),
    ),
    Threat(
        "altered",
        "T",
        "Somebody changes our mail on its way",
        "content of mail",
        ("read",),
        (
            Mitigation(
                "a canary shows a sender or a host that is not ours",
                _watch("stranger_in_mail"),
                ("tests/unit/watch/test_reading.py",),
            ),
        ),
    ),
    Threat(
        "kept-back",
        "D",
        "A provider takes mail and does not deliver it, or nothing goes out at all",
        "delivery",
        ("drop", "stop"),
        (
            Mitigation(
                "every stream has a second route", _several, ("tests/scenarios/test_drill.py",)
            ),
            Mitigation(
                "silence is noticed within the limit of its traffic",
                _watch("delivery_silence"),
                ("tests/unit/watch/test_simulated.py",),
            ),
            Mitigation(
                "canaries tell what no report tells",
                _watch("canary_missing"),
                ("tests/unit/watch/test_finer_delivery.py",),
            ),
        ),
    ),
    Threat(
        "dns",
        "S",
        "Somebody changes our DNS: signs as us, receives our mail, serves our pages",
        "our name",
        ("dns",),
        (_FACTOR,),
    ),
    Threat(
        "pages",
        "E",
        "Somebody stands before our pages and takes what owners type there",
        "accounts",
        ("pages", "catch"),
        (
            Mitigation("pages are served over https only", _tls, ("tests/web/test_content.py",)),
            Mitigation(
                "what an account does after a takeover is noticed",
                _watch("takeover_pattern"),
                ("tests/unit/watch/test_detectors.py",),
            ),
        ),
    ),
    Threat(
        "mailbox",
        "E",
        "Somebody has a customer's own mailbox",
        "accounts",
        ("mailbox",),
        (
            _FACTOR,
            Mitigation(
                "a recovery that does not fit the account's history is held and noticed",
                _watch("misplaced_redemption"),
                ("tests/unit/recovery",),
            ),
            Mitigation(
                "takeovers that have one keeper of mailboxes in common point to it",
                _watch("mailbox_takeovers"),
                ("tests/unit/watch/test_mailbox_takeovers.py",),
            ),
        ),
    ),
    Threat(
        "operator",
        "E",
        "Somebody acts as an operator",
        "the house",
        ("operate",),
        (
            Mitigation(
                "operators start things, and never learn or choose a customer's secret",
                _accounts,
                ("tests/rooms/accounts/test_administration.py",),
            ),
            Mitigation(
                "the console asks for a passkey besides the key",
                _passkey,
                ("tests/rooms/http/test_console_passkey.py",),
            ),
        ),
    ),
    Threat(
        "denied",
        "R",
        "Somebody who acted says that it was not them",
        "the record",
        ("operate", "stop"),
        (
            Mitigation(
                "every act is in a hash chain whose signed head can be anchored outside",
                _always,
                ("tests/rooms/events",),
            ),
        ),
    ),
)
