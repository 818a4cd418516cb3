"""Settings: a mistyped word is an error that names the nearest right one."""

from pathlib import Path

import msgspec
import pytest

from mailkeep.app import wiring_reports, wiring_watch
from mailkeep.app.doctor.types import DatabaseFacts, Scene, State
from mailkeep.app.doctor.ways import canary_letters, canary_share
from mailkeep.app.settings import parse, provider_configs
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.response.types import PlaybookLimits
from mailkeep.watch.types import HoneyAccount

PROVIDER = {"name": "a", "kind": "postmark", "party": "p", "secret": "env:A"}
STREAM = {"name": "alert", "priority": 2, "routes": [{"provider": "a"}]}
PARTY = {"id": "p", "name": "P"}
GOOD = {"provider": [PROVIDER], "stream": [STREAM], "party": [PARTY]}
KEEPS = GOOD | {
    "stream": [
        {"name": one, "priority": 0, "secret": one != "security", "routes": [{"provider": "a"}]}
        for one in ("recovery", "confirmation", "security")
    ]
}


def test_good_settings_take_secrets_from_the_environment() -> None:
    configs = provider_configs(parse(GOOD), {"A": "token"})
    assert configs["a"].secret.reveal() == "token"
    assert "token" not in repr(configs)
    assert configs["a"].webhook_url == "http://localhost:8025/hooks/a"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (GOOD | {"publc_url": "x"}, "did you mean public_url?"),
        (GOOD | {"provider": [PROVIDER | {"kind": "postmrk"}]}, "did you mean postmark?"),
        (GOOD | {"provider": [PROVIDER | {"party": "q"}]}, "provider a: party"),
        (GOOD | {"provider": [PROVIDER, PROVIDER]}, "two tables of [[provider]]"),
        (GOOD | {"stream": [STREAM | {"routes": [{"provider": "aa"}]}]}, "did you mean a?"),
        (GOOD | {"stream": [STREAM | {"concurrency": 0}]}, "above 0"),
        (GOOD | {"trusted_proxies": ["proxy.local"]}, "trusted_proxies: 'proxy.local'"),
        (GOOD | {"retention": {"trise": 2}}, "did you mean tries?"),
        (GOOD | {"retention": {"tries": 0.5}}, "tries must be 1 to"),
        (GOOD | {"retention": {"messages": float("nan")}}, "messages must be 0.0416667 to"),
        (GOOD | {"retention": {"claims": float("inf")}}, "claims must be 0.0416667 to"),
        (GOOD | {"retention": {"claims": 30}}, "as long as messages"),
        (GOOD | {"trusted_proxies": ["0.0.0.0/0"]}, "everyone"),
        (KEEPS | {"recovery": {"hold": -1.0}}, "hold is below 0"),
        (KEEPS | {"recovery": {"hold_alone": 60.0}}, "it stands for a factor"),
        (KEEPS | {"recovery": {"when_alone": "degrade", "hold_long": 0.0}}, "with degrade"),
        (KEEPS | {"recovery": {"hold_hihg": 1.0}}, "unknown field"),
        (
            GOOD | {"provider": [PROVIDER | {"options": {"max_size": "10 MB"}}]},
            "max_size is a number of octets",
        ),
        (
            GOOD | {"provider": [PROVIDER | {"options": {"dkim_selctor": "s1"}}]},
            "did you mean dkim_selector?",
        ),
        (GOOD | {"provider": [PROVIDER | {"options": {"xyz": "1"}}]}, "there are cleartext"),
    ],
)
def test_what_is_wrong_is_said(raw: dict[str, object], words: str) -> None:
    with pytest.raises(BadSettings) as caught:
        parse(raw)
    assert words in str(caught.value)


@pytest.mark.check("ASVS 13.3.1")
@pytest.mark.parametrize("secret", ["token-in-the-file", "env:MISSING", "file:/nowhere"])
def test_a_secret_in_the_file_or_missing_is_refused_unshown(secret: str) -> None:
    settings = parse(GOOD | {"provider": [PROVIDER | {"secret": secret}]})
    with pytest.raises(BadSettings) as caught:
        provider_configs(settings, {})
    assert "token-in-the-file" not in str(caught.value)


CANARY = {"domain": "Post.Example.org", "sender": "us@example.com"}
HONEY = {"address": "Iris@Example.org", "provider": "a"}
BULK = {"name": "secret", "priority": 0, "secret": True, "routes": [{"provider": "a"}]}
MAILBOX = {"address": "Ann@gmail.com", "arrives_as": "g@post.example.org"}
IMAP = {"host": "imap.example.org", "secret": "env:IMAP"}
WATCHED = GOOD | {"canary": CANARY, "honey": [HONEY], "stream": [STREAM, BULK]}


def test_what_is_watched_comes_in_canonical_form(tmp_path: Path) -> None:
    settings = parse(WATCHED | {"watch": {"half_proof": {"early": 30}}})
    assert settings.canary is not None
    assert settings.canary.domain == "post.example.org"
    kept = parse(_mailbox()).canary
    assert kept is not None
    assert [(one.name, one.arrives_as) for one in kept.mailbox] == [("gmail", "g@post.example.org")]
    assert wiring_watch.reserved(settings) == {"iris@example.org": "a"}
    assert wiring_watch.carriers(settings) == {"a"}
    keys = KeyRing(tmp_path)
    watch = wiring_watch.detectors(settings, keys)
    assert watch.half_proof.early == 30
    name = keys.pseudonym("address", "iris@example.org")
    assert watch.honey_account.accounts == (HoneyAccount(name, "a"),)


def test_a_selector_that_two_providers_have_is_nobodys(tmp_path: Path) -> None:
    """Whose key signed a reported mail accuses a provider."""
    a, b, c = (
        PROVIDER | {"name": name, "options": {"dkim_selector": selector}}
        for name, selector in (("a", "PM"), ("b", "both"), ("c", "both "))
    )
    raw = GOOD | {"provider": [a, b, c]}
    assert wiring_reports.signers(parse(raw)) == {"pm": "a"}
    keys = KeyRing(tmp_path)
    assert wiring_reports.unsent(parse(raw), keys) is not None
    assert wiring_reports.unsent(parse(raw | {"journal": {}}), keys) is None


def _mailbox(*, twice: bool = False, **fields: object) -> dict[str, object]:
    one = MAILBOX | fields
    return WATCHED | {"canary": CANARY | {"mailbox": [one, one] if twice else [one]}}


def _letter(**fields: object) -> dict[str, object]:
    one = {"subject": "Your order is on its way", "text": "{name}: {link}"} | fields
    return WATCHED | {"canary": CANARY | {"letter": [one]}}


def test_a_letter_of_ones_own_may_name_what_the_settings_allow() -> None:
    html = '<p>{name}, <a href="{link}">see it</a></p><img src="https://cdn.shop.example/x.png">'
    one = {"subject": "Grüße, {name}", "text": "Für {name}: {link} ({reference})", "html": html}
    canary = CANARY | {"letter": [one], "allow": ["cdn.shop.example"]}
    parsed = parse(WATCHED | {"canary": canary}).canary
    assert parsed is not None
    assert parsed.letter[0].subject == "Grüße, {name}"


def _table(name: str, **fields: object) -> dict[str, object]:
    return WATCHED | {"watch": {name: fields}}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (WATCHED | {"canary": CANARY | {"domian": "x"}}, "did you mean domain?"),
        (WATCHED | {"canary": {"domain": "x.example"}}, "sender"),
        (WATCHED | {"canary": CANARY | {"domain": "a b"}}, "cannot be in an address"),
        (WATCHED | {"canary": CANARY | {"stream": "alrt"}}, "did you mean alert?"),
        (WATCHED | {"canary": CANARY | {"stream": "secret"}}, "must not be a secret one"),
        (WATCHED | {"canary": CANARY | {"interval": 0.1}}, "1 second at least"),
        (WATCHED | {"canary": CANARY | {"listen": "2525"}}, "host:port"),
        (_letter(subject=""), "canary.letter 1: subject"),
        (_letter(subject="Your {reference}"), "the secret has no place in it"),
        (_letter(text="Hello {nmae}: {link}"), "did you mean {name}?"),
        (_letter(text="Hello {name}"), "must stand in it"),
        (_letter(html="<p>Hello</p>"), "html: {link} or {reference}"),
        (_letter(html='<img src="https://cdn.shop.example/x.png">{reference}'), "cdn.shop.example"),
        (_letter(txet="x"), "did you mean text?"),
        (_mailbox(arrives_as="x@else.example"), "not at the canaries' domain"),
        (_mailbox(address="x@post.example.org"), "at the canaries' domain"),
        (_mailbox(address="x"), "not a mail address"),
        (_mailbox(name="own"), "not 'own'"),
        (_mailbox(interval=5), "60 seconds"),
        (_mailbox(addres="x"), "did you mean address?"),
        (_mailbox(arrives_as=""), "say arrives_as where it forwards"),
        (_mailbox(imap=IMAP), "say arrives_as where it forwards"),
        (_mailbox(arrives_as="", imap=IMAP | {"hots": "x"}), "did you mean host?"),
        (_mailbox(arrives_as="", imap=IMAP | {"secret": "hunter2"}), "not the secret itself"),
        (_mailbox(arrives_as="", imap=IMAP | {"tls": "none"}), "none"),
        (_mailbox(arrives_as="", imap=IMAP | {"host": "a b"}), "name of a server"),
        (_mailbox(arrives_as="", imap=IMAP | {"port": 70000}), "1 to 65535"),
        (_mailbox(arrives_as="", imap=IMAP | {"poll": 1}), "5 seconds"),
        (_mailbox(twice=True), "two have the same name"),
        (WATCHED | {"honey": [HONEY | {"providr": "a"}]}, "did you mean provider?"),
        (WATCHED | {"honey": [HONEY | {"provider": "aa"}]}, "did you mean a?"),
        (WATCHED | {"honey": [HONEY | {"address": "nobody"}]}, "not a mail address"),
        (WATCHED | {"honey": [HONEY, HONEY | {"address": "iris@example.org"}]}, "twice"),
        (WATCHED | {"honey": [HONEY | {"address": "x@post.example.org"}]}, "no account"),
        (GOOD | {"honey": [HONEY]}, "[canary] is missing"),
        (WATCHED | {"watch": {"half_prof": {}}}, "did you mean half_proof?"),
        (_table("half_proof", patience_s=1), "did you mean patience?"),
        (_table("correlation", open_att=1), "did you mean open_at?"),
        (_table("delivery_silence", canary_deadline=0), "above 0"),
        (_table("correlation", prior={"provider_compromisd": 1}), "provider_compromisd"),
    ],
)
def test_what_is_wrong_about_watching_is_said(raw: dict[str, object], words: str) -> None:
    with pytest.raises(BadSettings) as caught:
        parse(raw)
    assert words in str(caught.value)


BOOK = {"hypothesis": "provider_compromised", "actions": ["cut_provider"]}
ALONE = BOOK | {"automatic": ["cut_provider"]}
TELLS = BOOK | {"actions": ["notify_owners"], "automatic": ["notify_owners"]}
PAGES = {"hypothesis": "campaign", "actions": ["page"], "automatic": ["page"]}


@pytest.mark.parametrize(
    ("book", "words"),
    [
        (BOOK | {"actions": ["cut_provder"]}, "did you mean cut_provider?"),
        (BOOK | {"automatic": ["notify_owners"]}, "not among its actions"),
        (
            BOOK | {"hypothesis": "provider_silent", "automatic": ["cut_provider"]},
            "never automatic",
        ),
        (BOOK | {"hypothesis": "provider_guilty"}, "provider_guilty"),
        (BOOK | {"automtic": []}, "did you mean automatic?"),
        (BOOK | {"wieght": 3.0}, "did you mean weight?"),
        (BOOK | {"weight": 0.5}, "weight, in nats, must be 1 or more: below no incident opens"),
        (BOOK | {"weight": float("nan")}, "weight, in nats, must be 1 or more"),
        (BOOK | {"weight": float("inf")}, "no evidence weighs more than"),
        (BOOK | {"weight": 60.0}, "no evidence weighs more than 54.0 nats"),
        (BOOK | {"weight": "heavy"}, "playbook"),
        (BOOK | {"limits": {"each_day": 1}}, "nothing of it is automatic"),
        (ALONE | {"limits": {"acounts": 1}}, "did you mean accounts?"),
        (ALONE | {"limits": {"each_day": 0}}, "each_day must be 1 or more"),
        (ALONE | {"limits": {"each_day": 1.5}}, "limits.each_day"),
        (TELLS | {"limits": {"accounts": -1}}, "accounts must be 1 or more"),
        (ALONE | {"limits": {"accounts": 9}}, "accounts bounds none of its automatic actions"),
        (ALONE | {"limits": {"parties": ["wildbit"]}}, "no party of a provider 'wildbit'"),
        (ALONE | {"limits": {"streams": ["alrt"]}}, "did you mean alert?"),
        (PAGES | {"limits": {"parties": ["p"]}}, "about no provider"),
    ],
)
def test_a_playbook_that_cannot_be_is_refused(book: dict[str, object], words: str) -> None:
    with pytest.raises(BadSettings, match=words.replace("?", r"\?")):
        parse(GOOD | {"playbook": [book]})


def test_a_playbook_may_be_automatic_where_its_hypothesis_allows() -> None:
    settings = parse(GOOD | {"playbook": [BOOK | {"automatic": ["cut_provider"]}]})
    assert settings.playbook[0].automatic == ("cut_provider",)


def test_a_playbook_takes_a_weight_and_limits() -> None:
    limits = {"accounts": 9, "each_day": 2, "parties": [PARTY["id"]], "streams": [STREAM["name"]]}
    (book,) = parse(GOOD | {"playbook": [TELLS | {"weight": 3, "limits": limits}]}).playbook
    assert book.weight == 3.0
    assert book.limits == msgspec.convert(limits, PlaybookLimits)
    heavier = {"watch": {"correlation": {"open_at": 4.0}}}
    with pytest.raises(BadSettings, match="must be 4 or more"):
        parse(GOOD | heavier | {"playbook": [TELLS | {"weight": 3}]})


def test_the_mailboxes_of_others_words_are_three() -> None:
    """One address for two would be read by the first, and the other one blind."""
    for field in ("address", "notices"):
        with pytest.raises(BadSettings, match="three addresses"):
            parse({"reports": {"abuse": "A@in.example", field: "a@in.example"}})
    with pytest.raises(BadSettings, match="abuse"):
        parse({"reports": {"abuse": "nobody"}})
    assert parse({"reports": {"abuse": "abuse@in.example"}}).reports.abuse == "abuse@in.example"


def _doctor(canary: dict[str, object] | None, *, development: bool = False) -> tuple[State, str]:
    raw = {name: value for name, value in WATCHED.items() if name not in {"canary", "honey"}}
    settings = parse(raw | ({} if canary is None else {"canary": canary}))
    (said,) = canary_letters(Scene(Path("/"), settings, development=development))
    return said.state, said.next


def test_the_doctor_names_letters_that_anybody_can_read() -> None:
    state, step = _doctor(CANARY)
    assert (state, "[[canary.letter]]" in step) == (State.WARNING, True)
    assert _doctor(CANARY | {"letter": [{"subject": "Order", "text": "{link}"}]})[0] is State.OK
    assert _doctor(None)[0] is State.NOT_CHECKED
    assert _doctor(CANARY, development=True)[0] is State.NOT_CHECKED


def test_the_doctor_says_where_canaries_are_more_than_a_part_of_the_mail() -> None:
    def said(interval: float, carried: dict[str, int]) -> tuple[State, str]:
        settings = parse(WATCHED | {"canary": CANARY | {"interval": interval}})
        facts = DatabaseFacts(carried=carried)
        (one,) = canary_share(Scene(Path("/"), settings, database=facts))
        return one.state, one.meaning

    assert said(5.0, {})[0] is State.NOT_CHECKED
    state, words = said(5.0, {"a": 3_000})
    assert state is State.WARNING
    assert words.startswith("17,280 canaries go through a in a day, beside 3,000 mails of alert")
    assert said(5.0, {"a": 60_000})[0] is State.OK
    assert said(300.0, {"a": 3_000})[0] is State.OK
