"""Stock Django and allauth resets that stay, with Mailkeep asked before each: rehearsed, or by
share.

The site is Django's own test client; where the answer matters, a stand-in says it, and where the
way through does, a running Mailkeep.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Up
from .shop.asked import StandIn, environ
from .shop.site import NAME, cli

ADDRESS = "grace@example.net"
PATHS = {
    "contrib": "/accounts/password_reset/",
    "allauth": "/accounts/password/reset/",
    "headless": "/_allauth/browser/v1/auth/password/request",
    "code": "/accounts/login/code/",
}
#: Posts to a reset as a browser would, with the mails that the site itself sent for it.
CODE = """
import json, sys
import django
django.setup()
from django.conf import settings
from django.core import mail
from django.core.management import call_command
from django.contrib.auth import get_user_model
from django.test import Client
from django.test.utils import setup_test_environment
setup_test_environment()
call_command("migrate", verbosity=0)
user = get_user_model().objects.create_user("grace", "grace@example.net", "the-old-one")
if settings.ALLAUTH:
    from allauth.account.models import EmailAddress
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
out = []
for path, address, method in json.loads(sys.argv[1]):
    mail.outbox.clear()
    client = Client(HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux) Firefox/1", HTTP_HOST="127.0.0.1")
    if method == "json":
        answer = client.post(path, {"email": address}, content_type="application/json")
    else:
        answer = getattr(client, method)(path, {"email": address})
    where = answer.headers.get("Location", "")
    out.append([answer.status_code, where, len(mail.outbox)])
print(json.dumps(out))
"""


@pytest.fixture
def house() -> Iterator[StandIn]:
    made = StandIn()
    yield made
    made.close()


def post(env: dict[str, str], *asked: tuple[str, str, str]) -> list[tuple[int, str, int]]:
    """(status, where it sends the browser, mails of the site's own) of each."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(asked)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(one) for one in json.loads(done.stdout)]


def asked(kind: str, address: str = ADDRESS) -> tuple[str, str, str]:
    return PATHS[kind], address, "json" if kind == "headless" else "post"


@pytest.mark.parametrize("kind", ["contrib", "allauth", "headless"])
def test_a_reset_that_is_rehearsed_goes_on_as_before(
    house: StandIn, tmp_path: Path, kind: str
) -> None:
    env = environ(tmp_path, kind, "rehearse", f"http://127.0.0.1:{house.port}")
    known, unknown = post(env, asked(kind), asked(kind, "eve@example.net"))
    assert known[0] == unknown[0] in {200, 302}
    assert known[2] == 1
    assert "/oauth/authorize" not in known[1]
    mine, others = house.told
    assert (mine["address"], mine["subject"]) == (ADDRESS, "1")
    assert others["address"] == "eve@example.net"
    assert "subject" not in others
    for one in house.told:
        assert (one["network"], "Firefox" in one["agent"]) == ("127.0.0.1", True)
    assert mine["device"] != others["device"]


@pytest.mark.parametrize("answer", [None, (503, {}), (200, {"way": "up"}), (200, [])])
def test_mailkeeps_silence_costs_a_rehearsal_and_no_reset(
    house: StandIn, tmp_path: Path, answer: tuple[int, object] | None
) -> None:
    house.answer = answer
    env = environ(tmp_path, "contrib", "rehearse", f"http://127.0.0.1:{house.port}")
    assert [one[2] for one in post(env, asked("contrib"))] == [1]


def test_an_address_that_mailkeep_cannot_read_goes_on_as_before(
    house: StandIn, tmp_path: Path
) -> None:
    """But whom the site knows by it is asked about by name."""
    house.answer = (422, {"field": "address"})
    env = environ(tmp_path, "contrib", "share", f"http://127.0.0.1:{house.port}")
    (strange, known) = post(env, asked("contrib", "eve@example.net"), asked("contrib"))
    assert (strange[0], strange[2]) == (302, 0)
    assert (known[0], known[2]) == (503, 0)
    assert [(one.get("address"), one.get("subject")) for one in house.told] == [
        ("eve@example.net", None),
        (ADDRESS, "1"),
        (None, "1"),
    ]


@pytest.mark.parametrize("kind", ["contrib", "allauth", "headless", "code"])
def test_whom_mailkeep_takes_is_sent_there_and_gets_no_mail_of_the_site(
    house: StandIn, tmp_path: Path, kind: str
) -> None:
    """A code by mail that signs in is a reset by another name: asked about as well."""
    house.answer = (200, {"way": "here"})
    env = environ(tmp_path, kind, "share", f"http://127.0.0.1:{house.port}")
    for status, where, mails in post(env, asked(kind), asked(kind, "eve@example.net")):
        assert mails == 0
        if kind == "headless":
            assert status == 409
        else:
            assert status == 302
            assert where.startswith(f"http://127.0.0.1:{house.port}/oauth/authorize?")
    house.answer = (200, {"way": "there"})
    (status, _, mails), *_ = post(
        env | {"SHOP_DATABASE": str(tmp_path / "other.sqlite3")}, asked(kind)
    )
    assert (status in {200, 302}, mails) == (True, 1)


@pytest.mark.parametrize("kind", ["contrib", "headless"])
@pytest.mark.parametrize(("silent", "status", "mails"), [("wait", 503, 0), ("there", 0, 1)])
def test_nobody_is_sent_the_weaker_way_because_mailkeep_was_silenced(
    house: StandIn, tmp_path: Path, kind: str, silent: str, status: int, mails: int
) -> None:
    """Unless the site says that it would rather."""
    house.answer = None
    env = environ(*(tmp_path, kind, "share", f"http://127.0.0.1:{house.port}"), SHOP_SILENT=silent)
    (found,) = post(env, asked(kind))
    assert found[2] == mails
    assert found[0] == status if status else found[0] in {200, 302}


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({}, ""),
        ({"SHOP_MODE": "share"}, ""),
        ({"SHOP_ASKS": "0"}, "E003"),
        ({"SHOP_MODE": "shares"}, "E001"),
        ({"SHOP_MODE": "share", "SHOP_CONNECTED": "0"}, "E005"),
        ({"SHOP_SILENT": "here"}, "E001"),
    ],
)
@pytest.mark.parametrize("kind", ["contrib", "allauth"])
def test_the_check_knows_that_the_stock_reset_stays(
    tmp_path: Path, kind: str, more: dict[str, str], wrong: str
) -> None:
    env = environ(tmp_path, kind, "rehearse", "http://127.0.0.1:9") | more
    done = subprocess.run(
        [sys.executable, "-m", "django", "check", "--tag", "security"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == (not wrong), done.stderr
    assert f"mailkeep.{wrong}" in done.stderr if wrong else "mailkeep." not in done.stderr


async def test_by_share_a_browser_comes_to_a_running_mailkeep(up: Up, tmp_path: Path) -> None:
    """A house of the level recover takes everybody."""
    back = "http://127.0.0.1/accounts/mailkeep/back/"
    made = cli(up, "applications", "add", NAME, "--redirect", back)
    key = cli(up, "keys", "create", "shop", "--scope", "recover", "--application", NAME)
    env = environ(tmp_path, "contrib", "share", up.url) | {
        "SHOP_CLIENT_ID": str(made["client_id"]),
        "SHOP_CLIENT_SECRET": str(made["client_secret"]),
        "SHOP_API_KEY": str(key["key"]),
    }
    ((status, where, mails),) = post(env, asked("contrib"))
    assert (status, mails) == (302, 0)
    async with up.session.get(where) as reply:
        assert (reply.status, NAME in await reply.text()) == (200, True)
    found = cli(up, "recoveries", "rehearsed")
    assert (found["asked"], found["here"]) == (1, 1)
