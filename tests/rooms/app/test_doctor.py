"""The doctor over real files, a real database and a real DNS server on loopback."""

import base64
import stat
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailkeep.app.doctor.catalogue import CHECKS
from mailkeep.app.doctor.look import examine
from mailkeep.app.doctor.resolver import resolver
from mailkeep.app.doctor.types import Finding, State
from mailkeep.app.settings import parse
from mailkeep.base.clock import HOUR, SystemClock
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.events import tables as event_tables
from mailkeep.mail import api_keys, outbox, services
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, NewMessage
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade

from .zone import Zone, serving


def _rsa(bits: int) -> str:
    key = generate_private_key(65537, bits).public_key()
    data = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _record("rsa", data)


def _record(kind: str, data: bytes) -> str:
    text = f"v=DKIM1; k={kind}; p={base64.b64encode(data).decode()}"
    return " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))


ED = _record("ed25519", Ed25519PrivateKey.generate().public_key().public_bytes_raw())

OPTIONS = {
    "a": {"dkim_selector": "a1", "return_path_domain": "a.bounce.example.com"},
    "b": {
        "dkim_selector": "b1",
        "dkim_domain": "b.example.com",
        "return_path_domain": "b.bounce.example.com",
    },
}
RAW = {
    "public_url": "https://mail.example.com",
    "trusted_proxies": ["10.0.0.1"],
    "provider": [
        {"name": name, "kind": "smtp", "party": name, "options": OPTIONS[name]} for name in "ab"
    ],
    "party": [{"id": name} for name in "ab"],
    "stream": [
        {
            "name": name,
            "priority": 0,
            "secret": name != "security",
            "routes": [{"provider": "a"}, {"provider": "b"}],
        }
        for name in ("recovery", "confirmation", "security")
    ],
    "recovery": {"sender": "us@example.com"},
    "retention": {"claims": 100},
}
GOOD: Zone = {
    ("example.com", "TXT"): ['"other=1"', '"v=spf1 -all"'],
    ("_dmarc.example.com", "TXT"): ['"v=DMARC1; p=reject"'],
    ("a1._domainkey.example.com", "TXT"): [_rsa(2048)],
    ("b1._domainkey.b.example.com", "TXT"): [ED],
    ("a.bounce.example.com", "TXT"): ['"v=spf1 include:spf.a.example -all"'],
    ("a.bounce.example.com", "MX"): ["10 in.a.example."],
    ("spf.a.example", "TXT"): ['"v=spf1 ip4:192.0.2.0/24 -all"'],
    ("b.bounce.example.com", "TXT"): ['"v=spf1 ip4:192.0.2.9 -all"'],
    ("b.bounce.example.com", "MX"): ["10 in.b.example."],
}


async def _look(
    home: Path,
    zone: Zone,
    raw: dict[str, object] = RAW,
    silent: frozenset[str] = frozenset(),
    **more: object,
) -> dict[str, list[Finding]]:
    async with serving(zone, silent) as server:
        found = await examine(home, parse(raw), environ={}, resolver=resolver(server.where), **more)
    out: dict[str, list[Finding]] = {}
    for one in found:
        out.setdefault(one.id, []).append(one)
    assert out.keys() == CHECKS.keys(), "every check says something"
    for one in found:
        right = one.state in {State.OK, State.NOT_CHECKED}
        assert one.meaning.endswith(".")
        assert right or one.next, one
    return out


def _states(found: list[Finding]) -> set[State]:
    return {one.state for one in found}


async def test_a_house_in_order_is_told_so(tmp_path: Path) -> None:
    found = await _look(tmp_path, GOOD)
    for name in ("sender_spf", "return_path", "dkim", "dmarc", "alignment", "apart"):
        assert _states(found[f"dns.{name}"]) == {State.OK}, found[f"dns.{name}"]
    assert _states(found["streams.routes"]) == {State.OK}
    assert "1 of 10 look-ups" in found["dns.return_path"][0].meaning


CASES: list[tuple[str, Zone, State, str]] = [
    ("sender_spf", {("example.com", "TXT"): ['"v=spf1 include:spf.a.example -all"']},
     State.WARNING, "every customer of that provider can send as you"),
    ("sender_spf", {("example.com", "TXT"): ['"v=spf1 -all"', '"v=spf1 ~all"']},
     State.FAILED, "2 SPF records"),
    ("sender_spf", {("example.com", "TXT"): ['"nothing"']}, State.WARNING, "no SPF record"),
    ("sender_spf", {("example.com", "TXT"): ['"v=spf1 ip4:192.0.2.1"']},
     State.WARNING, "forbids nobody"),
    ("sender_spf", {("example.com", "TXT"): ['"v=spf1 redirect=spf.a.example"']},
     State.OK, "1 of 10"),
    ("return_path", {("a.bounce.example.com", "TXT"): ['"v=spf1 include:none.example -all"']},
     State.FAILED, "none.example, which has no SPF record"),
    ("return_path", {("a.bounce.example.com", "TXT"): [
        '"v=spf1 a:x1.example a:x2.example mx:x3.example -all"']},
     State.FAILED, "3 of its look-ups find nothing"),
    ("return_path", {("a.bounce.example.com", "TXT"): [
        '"v=spf1 ' + "include:spf.a.example " * 10 + 'exists:%{i}.x.example -all"']},
     State.FAILED, "11 look-ups"),
    ("return_path", {("spf.a.example", "TXT"): ['"v=spf1 include:a.bounce.example.com -all"']},
     State.FAILED, "receivers stop at 10"),
    ("return_path", {("a.bounce.example.com", "MX"): ["0 ."]}, State.FAILED, "takes mail"),
    ("return_path", {("a.bounce.example.com", "TXT"): []}, State.FAILED, "no SPF record"),
    ("dkim", {("a1._domainkey.example.com", "TXT"): []}, State.FAILED, "there is no key"),
    ("dkim", {("a1._domainkey.example.com", "TXT"): ['"v=DKIM1; p="']}, State.FAILED, "revoked"),
    ("dkim", {("a1._domainkey.example.com", "TXT"): ['"v=DKIM1; p=AAAA"']},
     State.FAILED, "cannot be read"),
    ("dkim", {("a1._domainkey.example.com", "TXT"): [_rsa(1024)]}, State.WARNING, "1024 bits"),
    ("dkim", {("b1._domainkey.b.example.com", "TXT"): [ED.replace("v=DKIM1;", "v=DKIM1; t=y;")]},
     State.WARNING, "t=y"),
    ("dmarc", {("_dmarc.example.com", "TXT"): []}, State.FAILED, "anyone can send as you"),
    ("dmarc", {("_dmarc.example.com", "TXT"): ['"v=DMARC1; p=none"']}, State.WARNING, "p=none"),
    ("dmarc", {("_dmarc.example.com", "TXT"): ['"v=DMARC1; p=rejct"']}, State.FAILED, "no policy"),
    ("alignment", {("_dmarc.example.com", "TXT"): ['"v=DMARC1; p=reject; adkim=s; aspf=s"']},
     State.FAILED, "counts as forged"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "zone", "state", "words"), CASES)
async def test_what_is_not_right_is_said(
    name: str, zone: Zone, state: State, words: str, tmp_path: Path
) -> None:
    found = (await _look(tmp_path, {**GOOD, **zone}))[f"dns.{name}"]
    assert any(one.state is state and words in one.meaning for one in found), found


LISTENING = RAW | {"bounces": {"listen": "0.0.0.0:2525", "host": "MX.example.com"}}


@pytest.mark.parametrize(
    ("raw", "zone", "state"),
    [
        (RAW, {}, State.FAILED),  # nothing listens
        (LISTENING, {}, State.FAILED),  # it comes to the relay's own server
        (LISTENING, {("a.bounce.example.com", "MX"): ["10 mx.example.com."]}, State.OK),
        (LISTENING, {("a.bounce.example.com", "MX"): ["20 mx.example.com.", "10 in.a.example."]},
         State.FAILED),
        (LISTENING, {("in.a.example", "A"): ["192.0.2.7"], ("mx.example.com", "A"): ["192.0.2.7"]},
         State.OK),
        (LISTENING, {("in.a.example", "A"): ["192.0.2.7"], ("mx.example.com", "A"): ["192.0.2.8"]},
         State.FAILED),
        (LISTENING | {"bounces": {"listen": "0.0.0.0:2525"}},
         {("a.bounce.example.com", "MX"): ["10 mail.example.com."]}, State.OK),
    ],
)  # fmt: skip
async def test_bounces_are_to_come_to_our_own_listener(
    raw: dict[str, object], zone: Zone, state: State, tmp_path: Path
) -> None:
    found = (await _look(tmp_path, {**GOOD, **zone}, raw))["dns.listener"]
    assert {one.about: one.state for one in found}["a.bounce.example.com"] is state


async def test_strict_alignment_is_met_by_the_same_domain_alone(tmp_path: Path) -> None:
    strict = {**GOOD, ("_dmarc.example.com", "TXT"): ['"v=DMARC1; p=reject; adkim=s; aspf=s"']}
    found = (await _look(tmp_path, strict))["dns.alignment"]
    # "a" signs as example.com itself; "b" as a name below it, and bounces below it.
    assert {one.about: one.state for one in found} == {
        "a, example.com": State.OK,
        "b, example.com": State.FAILED,
    }


async def test_a_subdomain_has_the_policy_of_its_house(tmp_path: Path) -> None:
    zone = {
        **GOOD,
        ("_dmarc.example.com", "TXT"): ['"v=DMARC1; p=reject; sp=none"'],
        ("news.example.com", "TXT"): ['"v=spf1 -all"'],
    }
    found = await _look(tmp_path, zone, senders=("news.example.com",))
    said = {one.about: one.state for one in found["dns.dmarc"]}
    assert said == {"example.com": State.OK, "news.example.com": State.WARNING}
    aligned = {one.about: one.state for one in found["dns.alignment"]}
    assert aligned["b, news.example.com"] is State.OK


async def test_servers_that_do_not_answer_prove_nothing(tmp_path: Path) -> None:
    silent = frozenset({name for name, _ in GOOD})
    found = await _look(tmp_path, GOOD, silent=silent)
    for name in ("sender_spf", "return_path", "dkim", "dmarc", "alignment"):
        assert _states(found[f"dns.{name}"]) == {State.NOT_CHECKED}


async def test_what_is_not_known_of_a_provider_is_asked_for(tmp_path: Path) -> None:
    bare = [{**one, "options": {}} for one in RAW["provider"]]
    found = await _look(tmp_path, GOOD, RAW | {"provider": bare})
    for name in ("return_path", "dkim", "alignment"):
        assert _states(found[f"dns.{name}"]) == {State.NOT_CHECKED}
        assert all("options." in one.next for one in found[f"dns.{name}"])


async def test_two_that_share_a_key_or_a_return_path_are_told(tmp_path: Path) -> None:
    shared = [{**one, "options": OPTIONS["a"]} for one in RAW["provider"]]
    found = await _look(tmp_path, GOOD, RAW | {"provider": shared})
    assert _states(found["dns.apart"]) == {State.WARNING}
    assert len(found["dns.apart"]) == 2


async def test_a_ring_of_includes_ends(tmp_path: Path) -> None:
    zone = {**GOOD}
    for number in range(60):
        zone[f"s{number}.example", "TXT"] = [f'"v=spf1 include:s{(number + 1) % 60}.example -all"']
    zone["a.bounce.example.com", "TXT"] = ['"v=spf1 include:s0.example include:s1.example -all"']
    async with serving(zone) as server:
        await examine(tmp_path, parse(RAW), environ={}, resolver=resolver(server.where))
        assert len(server.asked) < 100


async def test_the_home_the_database_and_the_keys_are_looked_at(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    found = await _look(home, GOOD)
    assert _states(found["database.schema"]) == {State.NOT_CHECKED}
    assert not (home / "mailkeep.db").exists(), "looking makes nothing"

    keys = KeyRing(home)
    settings = parse(RAW)
    database = Database(settings.database_url(home), SystemClock())
    await upgrade(database)
    bound = {"streams": ("security",), "domains": ("example.com",), "networks": ("192.0.2.0/24",)}
    async with database.write() as tx:
        await api_keys.create(tx, keys, "wide", ("send",), by="test")
        await api_keys.create(tx, keys, "narrow", ("send",), **bound, by="test")
        for one in bound:
            left = {name: values for name, values in bound.items() if name != one}
            await api_keys.create(tx, keys, f"without {one}", ("send",), **left, by="test")
        await api_keys.create(tx, keys, "reader", ("read",), by="test")
        await api_keys.create(tx, keys, "over", ("send",), expires_at=tx.now - 1, by="test")
    await database.close()
    found = await _look(home, GOOD)
    assert _states(found["database.schema"]) == {State.OK}
    assert _states(found["home.permissions"]) == {State.OK}
    steps = {one.about: one.next for one in found["keys.scopes"]}
    assert steps == {
        "wide": "make one with --stream, --domain, --network, and revoke this one",
        "without streams": "make one with --stream, and revoke this one",
        "without domains": "make one with --domain, and revoke this one",
        "without networks": "make one with --network, and revoke this one",
    }
    durability = [one for one in found["database.sqlite"] if one.about == "durability"]
    assert _states(durability) == {State.OK}

    (home / "keys" / "seal.key").chmod(0o640)
    found = await _look(home, GOOD)
    assert [one.state for one in found["home.permissions"]] == [State.FAILED]
    assert "seal.key" in found["home.permissions"][0].next
    assert stat.S_IMODE((home / "keys" / "seal.key").stat().st_mode) == 0o640


async def test_a_clock_that_was_ahead_and_is_put_right_is_told(tmp_path: Path) -> None:
    """The log's time never goes back: until it has come, no detector sees a second pass."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    database = Database(parse(RAW).database_url(home), SystemClock())
    await upgrade(database)
    assert "log" not in {one.about for one in (await _look(home, GOOD))["clock"]}
    async with database.write() as tx:
        row = {"id": 1, "holder": "x", "leased_until": 0, "position": 0}
        await tx.run(event_tables.relay.insert().values(row | {"placed_through": tx.now + HOUR}))
    (said,) = [one for one in (await _look(home, GOOD))["clock"] if one.about == "log"]
    assert (said.state, "time stands still" in said.meaning) == (State.FAILED, True)
    await database.close()


async def test_anchors_are_there_and_lately(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (said,) = (await _look(home, GOOD))["anchors"]
    assert (said.state, "could write the audit log anew" in said.meaning) == (State.WARNING, True)
    place = f"file:{tmp_path}/heads"
    raw = RAW | {"audit": {"anchors": [place]}}
    database = Database(parse(raw).database_url(home), SystemClock())
    await upgrade(database)
    (said,) = (await _look(home, GOOD, raw))["anchors"]
    assert (said.state, said.about) == (State.WARNING, place)
    assert "yet" in said.meaning
    a = event_tables.audit_anchors
    async with database.write() as tx:
        row = {"place": place, "number": 7, "hash": "", "at": tx.now, "tried_at": tx.now}
        await tx.run(a.insert().values(row))
    (said,) = (await _look(home, GOOD, raw))["anchors"]
    assert (said.state, "entry 7" in said.meaning) == (State.OK, True)
    async with database.write() as tx:
        old = {"at": tx.now - 3 * HOUR, "error": "OSError"}
        await tx.run(a.update().values(old))
    (said,) = (await _look(home, GOOD, raw))["anchors"]
    assert (said.state, "too old (OSError)" in said.meaning) == (State.WARNING, True)
    await database.close()


async def test_secrets_are_looked_for_and_never_said(tmp_path: Path) -> None:
    provider = {"name": "a", "kind": "postmark", "party": "a", "secret": "env:TOKEN"}
    raw = {"provider": [provider], "party": [{"id": "a"}], "public_url": "http://x.example"}
    settings = parse(raw | {"database": "postgresql://u:hidden-one@127.0.0.1:9/x"})
    found = await examine(tmp_path, settings, environ={"TOKEN": "hidden-two"}, offline="no net")
    said = {one.id: one for one in found}
    assert said["secrets.provider"].state is State.OK
    assert said["secrets.webhook"].state is State.WARNING
    assert said["public_url"].state is State.FAILED
    assert said["database.password"].state is State.WARNING
    assert said["database.schema"].state is State.FAILED
    assert said["clock"].state is State.NOT_CHECKED
    assert "hidden" not in repr(found)
    found = await examine(tmp_path, settings, environ={}, offline="no net")
    assert State.FAILED in {one.state for one in found if one.id == "secrets.provider"}


@pytest.mark.parametrize(
    ("date", "state"),
    [
        (None, State.OK),
        ("Mon, 01 Jan 2024 00:00:00 GMT", State.FAILED),
        ("yesterday", State.NOT_CHECKED),
    ],
)
async def test_a_clock_that_is_wrong_is_noticed_by_a_providers(
    date: str | None, state: State, tmp_path: Path
) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.headers.get("Authorization", ""))
        return web.Response(headers={} if date is None else {"Date": date})

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    provider = {"name": "a", "kind": "postmark", "party": "a", "secret": "env:TOKEN"}
    raw = {
        "provider": [{**provider, "base_url": f"http://127.0.0.1:{port}/api"}],
        "party": [{"id": "a"}],
    }
    found = await _look(tmp_path, {}, raw)
    await runner.cleanup()
    assert _states(found["clock"]) == {state}
    assert asked == [""], "no key goes along"


async def test_settings_that_cannot_be_read_are_a_finding(tmp_path: Path) -> None:
    found = await examine(tmp_path, None, error="a word is wrong")
    assert found[0].id == "settings"
    assert found[0].state is State.FAILED
    assert {one.id for one in found} == CHECKS.keys()
    assert {one.state for one in found[1:]} <= {State.NOT_CHECKED, State.OK, State.FAILED}


def test_a_resolver_that_is_no_address_is_refused() -> None:
    for where in ("dns.example:53", "127.0.0.1", "127.0.0.1:x"):
        with pytest.raises(BadSettings, match="ADDRESS:PORT"):
            resolver(where)


async def test_a_database_of_postgresql_is_asked_too(tmp_path: Path, new_postgresql: str) -> None:
    settings = parse(RAW | {"database": "env:DB"})
    environ = {"DB": new_postgresql}
    before = {one.id: one for one in await examine(tmp_path, settings, environ=environ)}
    assert before["database.schema"].state is State.NOT_CHECKED
    database = Database(new_postgresql, SystemClock())
    await upgrade(database)
    async with database.write() as tx:
        await api_keys.create(tx, KeyRing(tmp_path), "wide", ("send",), by="test")
    await database.close()
    found = {one.id: one for one in await examine(tmp_path, settings, environ=environ)}
    assert found["database.schema"].state is State.OK
    assert found["database.sqlite"].state is State.OK
    assert found["queue"].state is State.OK
    assert found["keys.scopes"].about == "wide"


@pytest.mark.parametrize(
    ("body", "state", "words"),
    [
        ({"hourly_quota": 1, "reputation": 50}, State.WARNING, "33% of the 3"),
        ({"hourly_quota": 3}, State.OK, "3 mails an hour"),
        ({}, State.OK, "tells no limit"),
        ("down", State.NOT_CHECKED, "did not say"),
        (
            {"status": "error", "code": -1, "name": "Invalid_Key", "message": "no"},
            State.FAILED,
            "a does not accept our key",
        ),
    ],
)
async def test_a_standby_that_could_not_carry_the_peak_is_told(
    body: object, state: State, words: str, tmp_path: Path
) -> None:
    """The peak is of our own log: three recoveries in one hour; bulk counts for nothing."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            asked.append((await request.json())["key"])
        refused = isinstance(body, dict) and "status" in body
        return web.json_response(body, status=401 if refused else 200)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    routes = [{"provider": "a"}]
    settings = parse(
        {
            "provider": [
                {
                    "name": "a",
                    "kind": "mandrill",
                    "party": "a",
                    "secret": "env:KEY",
                    "base_url": url,
                }
            ],
            "party": [{"id": "a"}],
            "stream": [
                {"name": "reset", "priority": 0, "secret": True, "routes": routes},
                {"name": "bulk", "priority": 9, "routes": routes},
            ],
        }
    )
    database = Database(settings.database_url(tmp_path), SystemClock())
    await upgrade(database)
    intake = Intake(database, KeyRing(tmp_path), settings.streams())
    content = Content("us@example.com", "ada@example.net", "s", "t")
    async with database.write() as tx:
        many = [NewMessage(one, content) for one in ["reset"] * 3 + ["bulk"] * 5]
        await intake.accept_many(tx, [intake.check(one) for one in many])

    async def look() -> Finding:
        async with serving({}) as server:
            found = await examine(
                tmp_path, settings, environ={"KEY": "k"}, resolver=resolver(server.where)
            )
        return next(one for one in found if one.id == "providers.limits")

    said = await look()
    assert (said.state, asked) == (state, ["k"])
    assert words in said.meaning
    async with database.write() as tx:
        await services.cut_off(database, tx, "a", by="op", reason="r", since=0)
    await database.close()
    assert "cut off" in (await look()).meaning
    assert len(asked) == 1
    await runner.cleanup()


async def test_houses_that_show_in_dns_are_listed_until_they_are_registered(
    tmp_path: Path,
) -> None:
    zone: Zone = GOOD | {
        ("a.bounce.example.com", "MX"): ["10 feedback-smtp.eu-west-1.amazonses.com."],
        ("b.bounce.example.com", "TXT"): ['"v=spf1 include:sendgrid.net -all"'],
        ("sendgrid.net", "TXT"): ['"v=spf1 ip4:192.0.2.9 -all"'],
        ("example.com", "NS"): ["ada.ns.cloudflare.com."],
        ("b1._domainkey.example.com", "CNAME"): ["dkim.mcsv.net."],
    }
    found = (await _look(tmp_path, zone))["parties.seen"]
    assert {one.about for one in found} == {
        "amazon-ses",
        "sendgrid",
        "cloudflare",
        "mailchimp-transactional",
    }
    assert _states(found) == {State.WARNING}
    parties = [*RAW["party"], *({"id": one.about} for one in found)]
    (told,) = (await _look(tmp_path, zone, RAW | {"party": parties}))["parties.seen"]
    # That it is there says nothing of what it could do.
    assert (told.about, told.state) == ("cloudflare", State.WARNING)
    assert "answers for the names of example.com" in told.meaning
    for more in ({"kind": "dns", "serves": ["example.com"]}, {"can": ["dns:example.com"]}):
        some = [one | more if one["id"] == "cloudflare" else one for one in parties]
        registered = (await _look(tmp_path, zone, RAW | {"party": some}))["parties.seen"]
        assert _states(registered) == {State.OK}


async def test_who_stands_before_our_pages_shows_in_their_name(tmp_path: Path) -> None:
    zone: Zone = GOOD | {("accounts.example.net", "CNAME"): ["d111111abcdef8.cloudfront.net."]}
    raw = RAW | {"public_url": "https://accounts.example.net"}
    found = (await _look(tmp_path, zone, raw))["parties.seen"]
    assert [one.about for one in found] == ["cloudfront"]


async def test_a_register_that_leaves_an_owner_out_is_told(tmp_path: Path) -> None:
    override = {"of": "twilio", "reason": "it was sold this year", "until": "2001-01-01"}
    raw = RAW | {
        "provider": [*RAW["provider"], {"name": "m", "kind": "mandrill", "party": "a"}],
        "party": [
            {"id": "a", "reviewed": "2001-01-01"},
            {"id": "b"},
            {"id": "sendgrid", "independent": [override]},
        ],
    }
    found = {one.about: one for one in (await _look(tmp_path, GOOD, raw))["parties.register"]}
    assert found.keys() == {"m", "a", "sendgrid"}
    assert 'known = "mailchimp-transactional"' in found["m"].next
    assert "ended on 2001-01-01" in found["sendgrid"].meaning
    assert "last looked at on 2001-01-01" in found["a"].meaning
    assert _states((await _look(tmp_path, GOOD))["parties.register"]) == {State.OK}


SECRETIVE: dict[str, object] = {
    "provider": [
        {
            "name": "a",
            "kind": "smtp",
            "party": "a",
            "manager": "env:S_MANAGER",
            "options": {"keys": "sendgrid"},
        }
    ],
    "party": [{"id": "a"}],
    "stream": [{"name": "alert", "priority": 2, "routes": [{"provider": "a"}]}],
    "posture": {"account": [{"name": "a", "kind": "sendgrid", "secret": "env:S_READING"}]},
    "canary": {
        "domain": "post.example.com",
        "sender": "alerts@example.com",
        "mailbox": [
            {
                "name": "far",
                "address": "c@far.example",
                "imap": {"host": "imap.far.example", "secret": "env:S_IMAP"},
            }
        ],
    },
    "operators": {
        "issuer": "https://id.example.com",
        "client_id": "mailkeep",
        "client_secret": "env:S_OPERATORS",
        "roles": {"admin": ["platform"]},
    },
    "pager": [{"name": "on-call", "url": "env:S_PAGER"}],
    "feed": [{"name": "siem", "to": "https://siem.example.com/in", "secret": "env:S_FEED"}],
    "audit": {"anchors": ["webhook:env:S_ANCHOR"]},
    "telemetry": {"heartbeat_url": "env:S_HEARTBEAT"},
}
RIGHT = {
    "S_MANAGER": "hidden",
    "S_READING": "hidden",
    "S_IMAP": "hidden",
    "S_OPERATORS": "hidden",
    "S_PAGER": "json://hidden.example.com",
    "S_FEED": "whsec_" + base64.b64encode(b"hidden, and long enough.").decode(),
    "S_ANCHOR": "https://hidden.example.com/in",
    "S_HEARTBEAT": "https://hidden.example.com/beat",
}
TABLES = {
    "S_MANAGER": "provider a",
    "S_READING": "posture.account a",
    "S_IMAP": "canary.mailbox far",
    "S_OPERATORS": "operators",
    "S_PAGER": "pager on-call",
    "S_FEED": "feed siem",
    "S_ANCHOR": "audit",
    "S_HEARTBEAT": "telemetry",
}


async def _secrets(home: Path, raw: dict[str, object], environ: dict[str, str]) -> list[Finding]:
    found = await examine(home, parse(raw), environ=environ, offline="no net")
    assert "hidden" not in repr(found)
    return [one for one in found if one.id == "secrets.other"]


async def test_the_secrets_of_every_table_are_looked_for(tmp_path: Path) -> None:
    """The start stops at the first that is not there; here all are told, so that one look does."""
    (said,) = await _secrets(tmp_path, SECRETIVE, RIGHT)
    assert said.state is State.OK
    missing = await _secrets(tmp_path, SECRETIVE, {})
    assert {one.about: one.state for one in missing} == dict.fromkeys(TABLES.values(), State.FAILED)
    for name, table in TABLES.items():
        (said,) = await _secrets(tmp_path, SECRETIVE, RIGHT | {name: ""})
        assert (said.about, said.state) == (table, State.FAILED)
        assert said.meaning.endswith(" is empty.")
    (said,) = await _secrets(tmp_path, {"provider": [], "party": []}, {})
    assert said.state is State.NOT_CHECKED


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("S_PAGER", "hidden", "pager on-call cannot be used: url is none that Apprise knows."),
        ("S_FEED", "hidden", "feed siem cannot be used: a webhook's secret is whsec_ and base64."),
        ("S_ANCHOR", "ftp://hidden", "audit cannot be used: anchors: a webhook is an https URL."),
        ("S_HEARTBEAT", "http://hidden.example.com", "say https://"),
    ],
)
async def test_a_secret_has_the_form_that_the_start_wants(
    name: str, value: str, words: str, tmp_path: Path
) -> None:
    (said,) = await _secrets(tmp_path, SECRETIVE, RIGHT | {name: value})
    assert words in said.meaning


async def test_a_certificate_whose_key_is_not_there_is_told(tmp_path: Path) -> None:
    raw = SECRETIVE | {
        "submission": {
            "listen": "127.0.0.1:0",
            "certificate": str(tmp_path / "chain.pem"),
            "private_key": str(tmp_path / "key.pem"),
        }
    }
    (said,) = await _secrets(tmp_path, raw, RIGHT)
    assert (said.about, said.state) == ("submission", State.FAILED)
    assert "chain.pem or its key cannot be used" in said.meaning


@pytest.mark.parametrize(
    ("changes", "environ", "words"),
    [
        ({}, {"KEY": "k"}, ""),
        ({"secret": None}, {}, "secret is empty"),
        ({"base_url": "htps://api.example.com"}, {"KEY": "k"}, "base_url must be http(s)"),
        ({"base_url": "http://api.example.com"}, {"KEY": "k"}, "base_url must be https"),
        ({"options": {"track_opens": "yes"}, "secret": "env:KEY"}, {"KEY": "k"}, "track_opens"),
        ({"kind": "smtp", "options": {"username": "u"}}, {"KEY": "k"}, "base_url"),
        ({"kind": "smtp", "base_url": "smtp://relay.example", "options": {"starttls": "off"}},
         {"KEY": "k"}, "no TLS"),
    ],
)  # fmt: skip
async def test_what_would_fail_with_the_first_mail_is_told_before(
    changes: dict[str, object], environ: dict[str, str], words: str, tmp_path: Path
) -> None:
    one = {"name": "a", "kind": "postmark", "party": "a", "secret": "env:KEY"}
    raw = {
        "provider": [{name: said for name, said in (one | changes).items() if said is not None}],
        "party": [{"id": "a"}],
        "stream": [
            {"name": name, "priority": 0, "secret": secret, "routes": [{"provider": "a"}]}
            for name, secret in (("ordinary", False), ("opens", True))
        ],
    }
    found = await examine(tmp_path, parse(raw), environ=environ, offline="no net")
    (said,) = [one for one in found if one.id == "providers.ready"]
    assert said.state is (State.FAILED if words else State.OK)
    assert words in said.meaning


async def test_what_was_given_up_is_mail_that_the_list_shows_and_no_canary(tmp_path: Path) -> None:
    settings = parse(RAW)
    database = Database(settings.database_url(tmp_path), SystemClock())
    await upgrade(database)
    intake = Intake(database, KeyRing(tmp_path), settings.streams())
    content = Content("us@example.com", "ada@example.net", "s", "t")
    async with database.write() as tx:
        for ours in (True, True, False):
            message = await intake.accept(tx, NewMessage("security", content, ours=ours))
            await outbox.give_up(tx, message, "security", "address_1", "expired", keep=True)
    await database.close()
    found = await examine(tmp_path, settings, environ={}, offline="no net")
    told = [one.meaning for one in found if one.id == "queue"]
    assert told == ["1 message was given up within a day."]
