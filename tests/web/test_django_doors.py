"""At the doors of a site that asks Mailkeep by share: what is read is what the view
acts on, however it is sent, and what cannot be read is refused.

The site is the real one, Django's or allauth's; its victim is Mailkeep's to recover. Whatever is
posted, no mail or text of the site's own may go to them.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .shop.asked import StandIn, environ

NUMBER = "+4915112345678"
KATE = "kate@example.net"
KELVIN = "\u212aate@example.net"  #: in lower case it is Kate's
CONTRIB, ALLAUTH = "/accounts/password_reset/", "/accounts/password/reset/"
CODE, SIGN_IN = "/accounts/login/code/", "/accounts/login/"
BROWSER = "/_allauth/browser/v1/auth/password/request"
APP, APP_CODE = "/_allauth/app/v1/auth/password/request", "/_allauth/app/v1/auth/code/request"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=b"
#: Sends requests as they stand, octet by octet; for each (status, mails, the answer).
SENDING = """
import asyncio, json, sys
import django
django.setup()
from django.conf import settings
from django.core import mail
from django.core.asgi import get_asgi_application
from django.core.cache import cache
from django.core.management import call_command
from django.contrib.auth import get_user_model
from django.test import Client
from django.test.utils import setup_test_environment
setup_test_environment()
call_command("migrate", verbosity=0)
given = json.load(sys.stdin)
for name, address in given["users"]:
    user = get_user_model().objects.create_user(name, address, "the-old-one")
    if settings.ALLAUTH:
        from allauth.account.models import EmailAddress
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)

async def pieces(path, body):
    # As a server hands on what comes in chunks: nobody says how long it is.
    parts, said = [body[:20], body[20:]], []
    async def receive():
        if not parts:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}
    async def send(message):
        said.append(message)
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
             "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
             "scheme": "http", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
             "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"text/plain")]}
    await get_asgi_application()(scope, receive, send)
    return said[0]["status"], said[1]["body"].decode()

out = []
for method, path, kind, body in given["requests"]:
    mail.outbox.clear()
    cache.clear()  # allauth counts what one address asks for
    octets = body.encode("latin-1")
    if method == "CHUNKED":
        status, text = asyncio.run(pieces(path, octets))
    else:
        more = {"HTTP_X_FORWARDED_FOR": given["forwarded"], "HTTP_USER_AGENT": "x\\0\\x85y"}
        client = Client(HTTP_HOST="127.0.0.1", raise_request_exception=False, **more)
        answer = client.generic(method, path, octets, content_type=kind)
        status, text = answer.status_code, answer.content.decode()
    out.append([status, len(mail.outbox), text])
print(json.dumps(out))
"""
Sent = tuple[str, str, str, str]


@pytest.fixture
def house() -> Iterator[StandIn]:
    """Takes Kate, by her address and by her key, and nobody else."""
    made = StandIn()
    made.answer = takes
    yield made
    made.close()


def takes(told: dict[str, Any]) -> tuple[int, object]:
    address, subject = told.get("address", ""), told.get("subject", "")
    if "," in told.get("network", ""):
        return 422, {"field": "network"}
    if not address.isascii():
        return 422, {"field": "address"}
    mine = subject == "1" if subject else address.lower() == KATE
    return 200, {"way": "here" if mine else "there"}


def send(
    env: dict[str, str],
    *requests: Sent,
    users: tuple[tuple[str, str], ...] = (("kate", KATE),),
    forwarded: str = "",
) -> list[tuple[int, int, str]]:
    """(status, mails of the site's own, what it says) of each."""
    done = subprocess.run(
        [sys.executable, "-c", SENDING],
        input=json.dumps({"users": users, "requests": requests, "forwarded": forwarded}),
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(one) for one in json.loads(done.stdout)]


def site(house: StandIn, home: Path, kind: str, mode: str = "share", **more: str) -> dict[str, str]:
    return environ(home, kind, mode, f"http://127.0.0.1:{house.port}", **more)


def octets(text: str) -> str:
    """As UTF-8, a letter for each octet."""
    return text.encode().decode("latin-1")


def part(name: str, value: str, more: str = "", field: str = "") -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{field}\r\n{more}\r\n{value}\r\n'


NAMED = json.dumps({"email": KATE})
#: All of these name Kate to allauth's headless views, or nobody.
HEADLESS = {
    "as documented": (JSON, NAMED),
    "as text": ("text/plain", NAMED),
    "as nothing": ("", NAMED),
    "as a form": (FORM, NAMED),
    "as a form that names another": (
        FORM,
        json.dumps({"x": "&email=eve@example.net&", "email": KATE}),
    ),
    "as several parts": (MULTIPART, NAMED),
    "in another charset": (f"{JSON}; charset=utf-16", NAMED),
    "padded": (JSON, json.dumps({"email": KATE, "pad": "A" * 70_000})),
    "padded by space": (JSON, NAMED + " " * 70_000),
    "twice": (JSON, f'{{"email": "eve@example.net", "email": "{KATE}"}}'),
    "written otherwise": (JSON, r'{"em\u0061il": "\u006bate@example.net"}'),
    "in capitals": (JSON, json.dumps({"email": f" {KATE.upper()}\n"})),
    "by a letter that is another's capital": (JSON, json.dumps({"email": KELVIN})),
    "the same, not escaped": (JSON, octets(json.dumps({"email": KELVIN}, ensure_ascii=False))),
    "beside a number": (JSON, json.dumps({"email": KATE, "phone": NUMBER})),
}
UNREADABLE = {
    "nothing": "",
    "a list": json.dumps([{"email": KATE}]),
    "a list of addresses": json.dumps({"email": [KATE]}),
    "an object": json.dumps({"email": {KATE: 1}}),
    "null": '{"email": null}',
    "blanks": '{"email": "  "}',
    "another name": json.dumps({"Email": KATE}),
    "half a pair": r'{"email": "kate\ud800@example.net"}',
    "a zero": r'{"email": "kate\u0000@example.net"}',
    "too deep": "[" * 60_000,
    "a long number": f'{{"email": {"1" * 5_000}}}',
    "UTF-16": NAMED.encode("utf-16").decode("latin-1"),
    "after a mark": octets("\ufeff" + NAMED),
    "two": NAMED + NAMED,
    "more than Django takes": NAMED + " " * 3_000_000,
}


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_headless_view_is_asked_about_by_what_it_reads(
    house: StandIn, tmp_path: Path, method: str
) -> None:
    env = site(house, tmp_path, "headless")
    names = [(path, name) for path in (BROWSER, APP, APP_CODE) for name in HEADLESS]
    found = send(env, *((method, path, *HEADLESS[name]) for path, name in names))
    for (path, name), (status, mails, _) in zip(names, found, strict=True):
        assert mails == 0, (path, name)
        wanted = 413 if name.startswith("padded") else 409
        assert status in {wanted, 400} if name == "as several parts" else status == wanted, name
    asked = [one for one in house.told if one.get("address")]
    assert {one["address"] for one in asked} == {KATE}
    assert {one["subject"] for one in asked} == {"1"}


def test_what_comes_in_chunks_is_read_whole(house: StandIn, tmp_path: Path) -> None:
    env = site(house, tmp_path, "headless")
    (named, nobody) = send(
        env, ("CHUNKED", APP, "", NAMED), ("CHUNKED", APP, "", "[" + NAMED + "]")
    )
    assert (named[:2], nobody[:2]) == ((409, 0), (400, 0))
    assert json.loads(nobody[2])["errors"][0]["param"] == "email"


def test_a_headless_view_is_not_let_through_where_nobody_can_be_read(
    house: StandIn, tmp_path: Path
) -> None:
    env = site(house, tmp_path, "headless")
    sent = [
        ("POST", path, JSON, body) for path in (BROWSER, APP_CODE) for body in UNREADABLE.values()
    ]
    for one, (status, mails, _) in zip(sent, send(env, *sent), strict=True):
        assert (status, mails) == (400, 0), one
    assert house.told == []


def test_a_rehearsal_refuses_nothing_that_the_view_takes(house: StandIn, tmp_path: Path) -> None:
    """And is told of what it can read."""
    env = site(house, tmp_path, "headless", "rehearse")
    sent = [("POST", APP, *HEADLESS[name]) for name in ("as text", "padded", "twice")]
    for status, mails, _ in send(env, *sent, ("POST", APP, JSON, '{"email": "x"}')):
        assert (status, mails) in {(200, 1), (400, 0)}
    assert [one["address"] for one in house.told] == [KATE, KATE, "x"]


FORMS = {
    "as ever": (FORM, f"email={KATE}"),
    "the last of two": (FORM, f"email=eve@example.net&email={KATE}"),
    "in parts": (MULTIPART, part("email", KATE) + "--b--\r\n"),
    "the last of two parts": (
        MULTIPART,
        part("email", "eve@example.net") + part("email", KATE) + "--b--\r\n",
    ),
    "in parts of base64": (
        MULTIPART,
        part("email", "a2F0ZUBleGFtcGxlLm5ldA==", "Content-Transfer-Encoding: base64\r\n")
        + "--b--\r\n",
    ),
    "in parts of another charset": (
        f"{MULTIPART}; charset=utf-7",
        part("email", "kate+AEA-example.net") + "--b--\r\n",
    ),
    "in capitals": (FORM, f"email=%20{KATE.upper()}%0A"),
    "by a letter that is another's capital": (FORM, "email=%E2%84%AAate@example.net"),
}
NO_FORM = {
    "nothing": (FORM, ""),
    "blanks": (FORM, "email=%20%20"),
    "another name": (FORM, f"Email={KATE}"),
    "in the query only": (FORM, ""),
    "JSON": (JSON, NAMED),
    "text": ("text/plain", f"email={KATE}"),
    "a file": (MULTIPART, part("email", KATE, field='; filename="x"') + "--b--\r\n"),
    "a zero": (FORM, "email=kate%00@example.net"),
    "another charset": (f"{FORM}; charset=utf-16", f"email={KATE}"),
    "no end": (MULTIPART, part("x", "y")),
    "more than Django takes": (FORM, f"email={KATE}&x=" + "y" * 3_000_000),
    "more fields than Django takes": (FORM, f"email={KATE}" + "&x=y" * 1_001),
}


@pytest.mark.parametrize(("kind", "paths"), [("contrib", (CONTRIB,)), ("allauth", (ALLAUTH, CODE))])
def test_a_form_is_asked_about_by_what_its_view_reads(
    house: StandIn, tmp_path: Path, kind: str, paths: tuple[str, ...]
) -> None:
    env = site(house, tmp_path, kind)
    names = [(path, name) for path in paths for name in FORMS]
    found = send(env, *(("POST", path, *FORMS[name]) for path, name in names))
    for (path, name), (status, mails, _) in zip(names, found, strict=True):
        # Django's own form finds nobody by another's capital, and says what it says to anybody.
        assert (status, mails) == (302, 0), (path, name)
    nobody = [(path, name) for path in paths for name in NO_FORM]
    found = send(
        env | {"SHOP_DATABASE": str(tmp_path / "other.sqlite3")},
        *(("POST", f"{path}?email={KATE}", *NO_FORM[name]) for path, name in nobody),
        *(("PUT", path, *FORMS["as ever"]) for path in paths),
    )
    for number, (status, mails, _) in enumerate(found):
        assert (status, mails) == (400, 0), [*nobody, *paths][number]


def test_looking_at_a_form_asks_nobody(house: StandIn, tmp_path: Path) -> None:
    env = site(house, tmp_path, "allauth")
    found = send(env, *((method, ALLAUTH, "", "") for method in ("GET", "HEAD", "OPTIONS")))
    assert [(status, mails) for status, mails, _ in found] == [(200, 0)] * 3
    assert house.told == []


@pytest.mark.parametrize("own", ["subclass", "partial"])
def test_a_view_made_of_a_stock_one_is_guarded(house: StandIn, tmp_path: Path, own: str) -> None:
    env = site(house, tmp_path, "contrib", SHOP_OWN=own)
    ((status, mails, _),) = send(env, ("POST", CONTRIB, *FORMS["as ever"]))
    assert (status, mails) == (302, 0)
    assert check(env).returncode == 0
    left = check(env | {"SHOP_MODE": "recover", "SHOP_CONNECTED": "0"})
    assert "mailkeep.E002" in left.stderr


@pytest.mark.parametrize("own", ["prefix", "form"])
def test_a_form_that_reads_something_else_does_not_pass_the_check(
    house: StandIn, tmp_path: Path, own: str
) -> None:
    """Whoever names another to us there would be asked about as them."""
    found = check(site(house, tmp_path, "contrib", SHOP_OWN=own))
    assert (found.returncode, "mailkeep.E006" in found.stderr) == (1, True), found.stderr


def check(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "django", "check", "--tag", "security"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_signing_in_without_a_password_is_a_reset_by_another_name(
    house: StandIn, tmp_path: Path
) -> None:
    """By mail or by SMS. Mailkeep is told of no number."""
    env = site(house, tmp_path, "allauth", SHOP_NUMBER=NUMBER)
    taken = [
        ("POST", SIGN_IN, FORM, f"login={KATE}"),
        ("POST", SIGN_IN, FORM, "login=%E2%84%AAate@example.net"),
        ("POST", SIGN_IN, FORM, f"login={NUMBER.replace('+', '%2B')}"),
        ("POST", CODE, FORM, f"phone={NUMBER.replace('+', '%2B')}"),
        ("POST", CODE, FORM, f"email={KATE}&phone="),
        ("POST", ALLAUTH, FORM, "email=kate%2Bshop@example.net"),
    ]
    api = [("POST", APP_CODE, JSON, json.dumps({"phone": f" {NUMBER} "}))]
    empty = [("POST", SIGN_IN, FORM, f"email={KATE}"), ("POST", APP_CODE, JSON, "{}")]
    for one, (status, mails, _) in zip(taken, send(env, *taken), strict=True):
        assert (status, mails) == (302, 0), one
    other = env | {"SHOP_DATABASE": str(tmp_path / "other.sqlite3")}
    found = send(other, *api, *empty)
    assert [one[:2] for one in found] == [(409, 0), (400, 0), (400, 0)]
    house.told.clear()
    strange = ("POST", CODE, FORM, "phone=%2B4915199999999")
    ((status, _, _),) = send(env | {"SHOP_DATABASE": str(tmp_path / "3.sqlite3")}, strange)
    assert status == 302
    assert len(house.told) == 1  # as for who is known
    assert "15199999999" not in json.dumps(house.told)
    assert "mailkeep.E007" in check(env).stderr  # there is no password to recover
    rehearsed = check(env | {"SHOP_MODE": "rehearse"})
    assert rehearsed.returncode == 0, rehearsed.stderr


def test_who_shares_an_address_with_many_is_asked_about(house: StandIn, tmp_path: Path) -> None:
    """Accounts that somebody opens with Kate's address push her out of nothing."""
    users = (("kate", KATE), *((f"eve{n}", KATE.upper() if n % 2 else KATE) for n in range(12)))
    env = site(house, tmp_path, "contrib")
    ((status, mails, _),) = send(env, ("POST", CONTRIB, *FORMS["as ever"]), users=users)
    assert (status, mails) == (302, 0)
    told = [one.get("subject") for one in house.told]
    assert "1" in told
    assert None in told  # whoever Mailkeep knows by the address alone


@pytest.mark.parametrize(
    "forwarded", ["1.2.3.4, 5.6.7.8", "::1%x", "[::1]:80", "1.2.3.4:5", "x" * 99]
)
def test_a_header_of_a_strangers_does_not_make_mailkeep_refuse(
    house: StandIn, tmp_path: Path, forwarded: str
) -> None:
    """Where silence means to go on, a refused question would be a silence that anybody can make."""
    env = site(house, tmp_path, "contrib", SHOP_PROXY="1", SHOP_SILENT="there")
    ((status, mails, _),) = send(env, ("POST", CONTRIB, *FORMS["as ever"]), forwarded=forwarded)
    assert (status, mails) == (302, 0)
    (told,) = house.told
    assert told["agent"] == "xy"
    assert told.get("network", "") == (forwarded if forwarded.endswith((":80", ":5")) else "")


def test_only_what_is_wrong_with_the_address_means_that_nobody_has_it(
    house: StandIn, tmp_path: Path
) -> None:
    house.answer = (422, {"field": "network"})
    env = site(house, tmp_path, "contrib")
    ((status, mails, _),) = send(env, ("POST", CONTRIB, *FORMS["as ever"]), users=())
    assert (status, mails) == (503, 0)
