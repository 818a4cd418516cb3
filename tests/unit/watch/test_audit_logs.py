"""Audit logs of other houses, as they document them; and what is not as it should be."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailkeep.base.clock import SECOND
from mailkeep.base.errors import Invalid
from mailkeep.watch.audit_logs import lines, registry
from mailkeep.watch.console_types import Act, Told

PAYLOADS = Path(__file__).parents[2] / "contract" / "payloads"


def _read(kind: str, name: str) -> tuple[tuple[Told, ...], int, int]:
    found = registry.get(kind)((PAYLOADS / kind / name).read_bytes())
    return found.told, found.passed, found.broken


def test_okta_tells_who_signed_in_to_an_application() -> None:
    (one,), passed, broken = _read("okta", "sso.json")
    assert (one.act, one.actor, one.name) == (
        Act.SIGN_IN,
        "00u1abvz4pYqdM8ms4x6",
        "ada@example.com",
    )
    assert one.about == ("0oa1gjh63g214q0Hq0g4", "SAML 2.0 App", "SendGrid")
    assert one.at == round(datetime(2023, 11, 14, 22, 13, 10, 718_000, UTC).timestamp() * SECOND)
    assert one.address == "198.51.100.24"
    assert (passed, broken) == (2, 0)  # what failed, and what is no sign-in to an application


def test_an_event_hook_of_okta_tells_what_was_changed_there() -> None:
    (one,), passed, broken = _read("okta", "hook.json")
    assert (one.act, one.about, one.what) == (Act.KEY, ("*",), "system.api_token.create")
    assert (passed, broken) == (0, 0)


def test_cloudtrail_tells_of_the_console_keys_dns_and_ses() -> None:
    told, passed, broken = _read("cloudtrail", "file.json")
    assert [one.act for one in told] == [Act.SIGN_IN, Act.KEY, Act.DNS, Act.CHANGE]
    login, key, dns, ses = told
    assert (login.factor, login.root, login.address) == (False, False, "192.0.2.100")
    assert login.about == ("signin.amazonaws.com", "111122223333", "*")
    assert (key.factor, key.actor) == (
        True,
        "arn:aws:sts::111122223333:assumed-role/Admin/ada@example.com",
    )
    assert (dns.root, dns.zones) == (True, ("_dmarc.example.com",))
    assert ses.about[0] == "ses.amazonaws.com"
    assert (passed, broken) == (3, 1)  # failed, denied, listed; and one without an identity


def test_a_record_alone_and_one_of_eventbridge_are_read_as_in_a_file() -> None:
    records = json.loads((PAYLOADS / "cloudtrail" / "file.json").read_text())["Records"]
    read = registry.get("cloudtrail")
    alone = read(json.dumps(records[0]).encode()).told
    assert alone == read(json.dumps({"version": "0", "detail": records[0]}).encode()).told
    assert alone == read(json.dumps(records[:1]).encode()).told
    assert len(alone) == 1


def test_our_own_form_is_read_alone_and_in_a_list() -> None:
    event = {
        "id": "1",
        "at": "2023-11-14T22:13:10Z",
        "act": "dns",
        "party": "dns",
        "actor": "ada",
        "ip": "::ffff:192.0.2.7",
        "zones": ["Example.com."],
    }
    read = registry.get("plain")
    for body in (event, [event], {"events": [event]}):
        (one,) = read(json.dumps(body).encode()).told
        assert (one.about, one.zones, one.address) == (("dns",), ("example.com",), "192.0.2.7")
    for wrong in (
        {"act": "weather"},
        {"at": "2023-11-14T22:13:10"},
        {"actor": ""},
        {"id": "x" * 201},
    ):
        found = read(json.dumps([event, {**event, **wrong}]).encode())
        assert (len(found.told), found.broken + found.passed) == (1, 1), wrong


@pytest.mark.parametrize("kind", registry.FORMATS)
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"x",
        b"1",
        b'"a"',
        b"[",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"{",
        b'{"a":' * 9999,
    ],
    ids=[
        "nothing",
        "word",
        "number",
        "text",
        "half",
        "not utf-8",
        "deep",
        "deep and whole",
        "half an object",
        "deep objects",
    ],
)
def test_what_is_no_log_is_refused(kind: str, text: bytes) -> None:
    with pytest.raises(Invalid) as error:
        registry.get(kind)(text)
    assert error.value.field == "log"


@pytest.mark.parametrize("kind", registry.FORMATS)
def test_a_deep_line_is_broken_and_hides_no_other(kind: str) -> None:
    deep = b'{"a":' * 500 + b"1" + b"}" * 500
    assert registry.get(kind)(b"[" + deep + b"]").broken == 1


@pytest.mark.parametrize("kind", registry.FORMATS)
def test_too_many_lines_are_refused(kind: str) -> None:
    with pytest.raises(Invalid, match="at most"):
        registry.get(kind)(b"[" + b"{}," * lines.MOST_LINES + b"{}]")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [*("uuid", "actor", "target", "Records", "detail", "data", "events", "eventID")]
            ),
            below,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.sampled_from(sorted(registry.FORMATS)), _json)
def test_whatever_json_it_is_it_is_read_or_refused(kind: str, value: object) -> None:
    try:
        found = registry.get(kind)(msgspec.json.encode(value))
    except Invalid:
        return
    assert found.told == ()


def test_a_kind_that_is_not_read_is_named_with_the_nearest() -> None:
    with pytest.raises(Invalid, match="did you mean cloudtrail"):
        registry.get("cloudtrial")
