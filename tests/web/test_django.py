"""Stock Django and allauth sites that recover through a running Mailkeep, over real HTTP."""

import asyncio
import contextlib
import json
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pyotp
import pytest
from yarl import URL

from .conftest import Up
from .shop.site import PASSWORD, Site, start
from .visitor import Visitor

CHROMIUM = shutil.which("chromium")
ADDRESS = "grace@example.net"
NEW = "a-lantern-for-the-quiet-moor"
HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')


class Browser:
    """One browser without scripts, at the site and at Mailkeep."""

    def __init__(self, up: Up, site: Site) -> None:
        self.up, self.site, self.address = up, site, ADDRESS
        jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=URL(up.url))
        self.session = aiohttp.ClientSession(cookie_jar=jar)

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def get(self, url: str) -> tuple[int, str]:
        """(status, where it sends us, or the page)."""
        async with self.session.get(self._whole(url), allow_redirects=False) as reply:
            return reply.status, reply.headers.get("Location") or await reply.text()

    async def post(self, url: str, **fields: str) -> tuple[int, str]:
        cookies = self.session.cookie_jar.filter_cookies(URL(self._whole(url)))
        if "csrftoken" in cookies:
            fields["csrfmiddlewaretoken"] = cookies["csrftoken"].value
        async with self.session.post(
            self._whole(url), data=fields or {"_": ""}, allow_redirects=False
        ) as reply:
            return reply.status, reply.headers.get("Location") or await reply.text()

    async def api(self, method: str, path: str, **body: str) -> tuple[int, dict[str, object]]:
        url = f"{self.site.url}/_allauth/browser/v1{path}"
        cookies = self.session.cookie_jar.filter_cookies(URL(url))
        headers = {"X-CSRFToken": cookies["csrftoken"].value} if "csrftoken" in cookies else {}
        async with self.session.request(method, url, json=body, headers=headers) as reply:
            return reply.status, await reply.json()

    async def sign_in(self, name: str, password: str) -> bool:
        await self.get("/accounts/login/")
        await self.post("/accounts/login/", username=name, login=name, password=password)
        return (await self.get("/"))[1] == f"signed in: {name}"

    async def send(self, path: str = "/accounts/mailkeep/start/") -> None:
        """From the site to Mailkeep, and its form."""
        status, url = await self.get(path)
        assert (status, url.startswith(f"{self.up.url}/oauth/authorize?")) == (302, True), url
        status, page = await self.get(url)
        assert status == 200, page
        carried = {name: value.replace("&amp;", "&") for name, value in HIDDEN.findall(page)}
        got = await self.post(f"{self.up.url}/oauth/authorize", address=self.address, **carried)
        assert got == (303, "/recover/proof")

    async def prove(self, skip: int = 0) -> str:
        """Show both proofs; where Mailkeep sends the browser."""
        async with Visitor(self.up.url) as eyes:
            link, code = await eyes.proofs(self.address, skip)
        where = f"{self.up.url}/recover/proof"
        assert await self.post(where, long=link, code=code) == (303, "/recover/proof")
        status, url = await self.post(f"{self.up.url}/recover/finish")
        assert status == 303, url
        return url

    async def recover(self, skip: int = 0) -> None:
        """As far as the form of the new password."""
        await self.send()
        got = await self.get(await self.prove(skip))
        assert got == (302, "/accounts/mailkeep/choose/")

    async def choose(self, password: str = NEW, **fields: str) -> tuple[int, str]:
        path = "/accounts/mailkeep/choose/"
        await self.get(path)
        return await self.post(path, new_password1=password, new_password2=password, **fields)

    def _whole(self, url: str) -> str:
        return url if url.startswith("http") else f"{self.site.url}{url}"


@pytest.fixture
async def site(up: Up, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    made = await start(up, request.param, tmp_path)
    yield made
    made.process.terminate()
    await asyncio.wait_for(made.process.wait(), 20)


def bind(site: Site) -> pyotp.TOTP:
    """Grace adds an app at allauth."""
    secret = pyotp.random_base32()
    site.manage(
        "from django.contrib.auth import get_user_model as g\n"
        "from allauth.mfa.totp.internal.auth import TOTP\n"
        f"TOTP.activate(g().objects.get(), {secret!r})"
    )
    return pyotp.TOTP(secret)


def verify(site: Site) -> None:
    """Grace confirmed her address at allauth, and the nightly command registers her."""
    site.manage(
        "from django.contrib.auth import get_user_model as g\n"
        "from allauth.account.models import EmailAddress as E\n"
        "u = g().objects.get()\n"
        "E.objects.create(user=u, email=u.email, verified=True, primary=True)"
    )
    done = site.command("mailkeep_register")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1 registered"


@pytest.mark.parametrize("site", ["plain"], indirect=True)
async def test_the_reset_of_django_goes_through_two_routes(up: Up, site: Site) -> None:
    site.join("grace", ADDRESS)
    async with Browser(up, site) as grace, Browser(up, site) as phone, Browser(up, site) as thief:
        assert await phone.sign_in("grace", PASSWORD)
        # Every name of the old reset leads away; nothing of it is left.
        for path in ("password_reset/", "password_reset/done/", "reset/MQ/set-password/"):
            status, url = await grace.get(f"/accounts/{path}")
            assert (status, url.startswith(f"{up.url}/oauth/authorize?")) == (302, True)
        await grace.send("/accounts/password_reset/")
        back = await grace.prove()
        # The code in another browser, or a second time, is worth nothing.
        assert (await thief.get(back))[0] == 409
        assert await grace.get(back) == (302, "/accounts/mailkeep/choose/")
        assert (await thief.get("/accounts/mailkeep/choose/"))[0] == 409
        assert (await thief.choose())[0] == 403  # no session, no CSRF token of ours
        assert (await grace.choose("short"))[0] == 422
        assert await grace.choose() == (302, "/accounts/mailkeep/done/")
        assert (await grace.choose())[0] == 409  # one verdict, one password
        assert (await grace.get(back))[0] == 409
        assert (await grace.get("/"))[1] == "signed in: nobody"  # a reset signs nobody in
        assert (await phone.get("/"))[1] == "signed in: nobody"  # and every session has ended
        assert not await thief.sign_in("grace", PASSWORD)
        assert await grace.sign_in("grace", NEW)


@pytest.mark.parametrize("site", ["plain"], indirect=True)
async def test_who_has_no_usable_password_gets_none_by_a_reset(up: Up, site: Site) -> None:
    """They sign in by a directory, which has shut them out perhaps; Django's own form passes over
    them. One who was registered before that is refused at the end, in Mailkeep's usual words."""
    site.join("grace", ADDRESS)
    change = (
        "from django.contrib.auth import get_user_model as g\n"
        "one = g().objects.get(username='grace')\n"
        "one.set_unusable_password(); one.save()"
    )
    async with Browser(up, site) as grace:
        await grace.send()
        site.manage(change)
        status, page = await grace.get(await grace.prove())
        assert (status, "there is no such account here" in page) == (409, True), page
        site.manage(
            "from django.contrib.auth import get_user_model as g\n"
            "g().objects.create_user('ada', 'ada@example.net')"
        )
        command = site.command("mailkeep_register")
        assert command.stdout.strip() in {"There is nobody to register.", ""}, command.stdout
    said = site.manage(
        "from django.contrib.auth import get_user_model as g\n"
        "print([one.has_usable_password() for one in g().objects.all()])"
    )
    assert said.strip() == "[False, False]"


@pytest.mark.parametrize("site", ["plain"], indirect=True)
async def test_what_is_taken_back_writes_nothing(up: Up, site: Site) -> None:
    site.join("grace", ADDRESS)
    async with Browser(up, site) as thief, Visitor(up.url) as grace:
        await thief.recover()
        denial = await grace.find(ADDRESS, r"may be set anew[\s\S]*?/deny#([0-9A-Z]{26})")
        assert (await grace.post("/deny", secret=denial))[0] == 200
        status, page = await thief.choose()
        assert (status, "Your password is unchanged" in page) == (409, True)
        assert await thief.sign_in("grace", PASSWORD)


@pytest.mark.parametrize("site", ["plain"], indirect=True)
async def test_a_browser_that_was_not_sent_brings_nothing(up: Up, site: Site) -> None:
    site.join("grace", ADDRESS)
    async with Browser(up, site) as grace:
        await grace.send()
        back = URL(await grace.prove())
        for wrong in (
            back.update_query(state="another"),
            back.update_query(iss="https://evil.example"),
            back.without_query_params("iss"),
            back.without_query_params("state"),
        ):
            await grace.get("/")
            assert (await grace.get(str(wrong)))[0] == 409
        # Each took the session's own with it: the right one comes too late as well.
        assert (await grace.get(str(back)))[0] == 409
        assert "nobody" in (await grace.get("/"))[1]


@pytest.mark.parametrize("site", ["plain"], indirect=True)
async def test_a_factor_that_the_site_cannot_ask_for_is_no_reason_to_write(
    up: Up, site: Site
) -> None:
    """Somebody registered that there is one; that there is none any more would have to wait."""
    body = {"addresses": [ADDRESS], "factor": "kept_there"}
    key = {"Authorization": f"Bearer {site.environ['SHOP_API_KEY']}"}
    async with up.session.put(f"{up.url}/v1/subjects/1", json=body, headers=key) as reply:
        assert reply.status == 200
    site.join("grace", ADDRESS)
    async with Browser(up, site) as grace:
        await grace.recover()
        status, page = await grace.choose(factor="123456")
        assert (status, "cannot ask for it" in page) == (409, True)
        assert await grace.sign_in("grace", PASSWORD)


@pytest.mark.parametrize("site", ["allauth"], indirect=True)
async def test_codes_that_are_posted_at_once_have_the_same_five_tries(up: Up, site: Site) -> None:
    site.join("grace", ADDRESS)
    verify(site)
    bind(site)
    async with Browser(up, site) as thief:
        await thief.recover()
        path = "/accounts/mailkeep/choose/"
        await thief.get(path)
        posted = [
            thief.post(path, new_password1=NEW, new_password2=NEW, factor=f"{n:06}")
            for n in range(25)
        ]
        answers = [status for status, _ in await asyncio.gather(*posted)]
    assert answers.count(422) <= 5, answers


@pytest.mark.parametrize("site", ["plain"], indirect=True)
async def test_a_name_that_a_database_takes_for_another_users_opens_nothing(
    up: Up, site: Site
) -> None:
    """A thief of the API key registers a fresh name beside the owner's: nothing holds
    it."""
    site.join("grace", ADDRESS)
    key = {"Authorization": f"Bearer {site.environ['SHOP_API_KEY']}"}
    told = {"addresses": ["thief@example.org"], "factor": "none"}
    async with up.session.put(f"{up.url}/v1/subjects/01", headers=key, json=told) as reply:
        assert reply.status == 200
    async with Browser(up, site) as thief:
        thief.address = "thief@example.org"
        await thief.send()
        assert (await thief.get(await thief.prove()))[0] == 409
        assert (await thief.get("/accounts/mailkeep/choose/"))[0] == 409


@pytest.mark.parametrize("site", ["plain"], indirect=True)
async def test_who_has_no_address_at_the_site_is_registered_by_a_thief_alone(
    up: Up, site: Site
) -> None:
    """The site registers nobody whom it cannot reach, as many a first administrator: their name is
    free for a thief of the API key."""
    site.manage(
        "from django.contrib.auth import get_user_model as g\n"
        f"g().objects.create_superuser('root', '', {NEW!r})"
    )
    key = {"Authorization": f"Bearer {site.environ['SHOP_API_KEY']}"}
    told = {"addresses": ["thief@example.org"], "factor": "none"}
    async with up.session.put(f"{up.url}/v1/subjects/1", headers=key, json=told) as reply:
        assert reply.status == 200
    async with Browser(up, site) as thief:
        thief.address = "thief@example.org"
        await thief.send()
        assert (await thief.get(await thief.prove()))[0] == 409
        assert (await thief.get("/accounts/mailkeep/choose/"))[0] == 409


@pytest.mark.parametrize("site", ["plain"], indirect=True)
async def test_who_is_no_user_any_more_is_forgotten_and_gets_no_password(
    up: Up, site: Site
) -> None:
    site.join("grace", ADDRESS)
    site.manage("from django.contrib.auth import get_user_model as g\ng().objects.all().delete()")
    key = {"Authorization": f"Bearer {site.environ['SHOP_API_KEY']}"}
    async with up.session.get(f"{up.url}/v1/subjects/1", headers=key) as reply:
        held = (await reply.json())["held"]
        assert (held["what"], held["agreed"]) == ("erase", "application")
    async with Browser(up, site) as grace:
        await grace.send()
        assert (await grace.get(await grace.prove()))[0] == 409


@pytest.mark.parametrize("site", ["allauth"], indirect=True)
async def test_what_allauth_keeps_beside_its_users_is_registered_as_it_changes(
    up: Up, site: Site
) -> None:
    site.join("grace", ADDRESS)
    key = {"Authorization": f"Bearer {site.environ['SHOP_API_KEY']}"}

    async def registered() -> tuple[int, dict[str, Any]]:
        async with up.session.get(f"{up.url}/v1/subjects/1", headers=key) as reply:
            return reply.status, await reply.json()

    assert (await registered())[0] == 404, "nobody has seen the address confirmed"
    site.manage(
        "from django.contrib.auth import get_user_model as g\n"
        "from allauth.account.models import EmailAddress as E\n"
        "u = g().objects.get()\n"
        "E.objects.create(user=u, email=u.email, verified=True, primary=True)"
    )
    status, user = await registered()
    assert (status, user["addresses"], user["factor"]) == (200, [ADDRESS], "none")
    bind(site)
    _, user = await registered()
    assert "kept_there" in (user["factor"], (user["held"] or {}).get("factor"))
    assert user["held"] is None or user["held"]["agreed"] == "application"
    # Another address is for its owner to agree to.
    site.manage(
        "from django.contrib.auth import get_user_model as g\n"
        "from allauth.account.models import EmailAddress as E\n"
        "E.objects.create(user=g().objects.get(), email='more@example.net', verified=True)"
    )
    _, user = await registered()
    assert user["held"]["addresses"] == [ADDRESS, "more@example.net"]
    assert user["held"]["agreed"] is None
    assert "replace: " in site.command("mailkeep_vouch", "1").stdout
    _, user = await registered()
    assert user["held"]["agreed"] == "application"
    site.manage("from django.contrib.auth import get_user_model as g\ng().objects.get().delete()")
    _, user = await registered()
    assert user["held"]["what"] == "erase"


@pytest.mark.parametrize("site", ["allauth"], indirect=True)
async def test_allauth_asks_for_its_own_factor_before_the_password_is_written(
    up: Up, site: Site
) -> None:
    site.join("grace", ADDRESS)
    verify(site)
    app = bind(site)  # registered without one: what the site knows itself counts
    async with Browser(up, site) as thief, Browser(up, site) as grace:
        for path in (
            *("password/reset/", "password/reset/done/", "password/reset/key/1-set-password/"),
            "password/reset/confirm/",
        ):
            status, url = await grace.get(f"/accounts/{path}")
            assert (status, url.startswith(f"{up.url}/oauth/authorize?")) == (302, True), path
        await thief.recover()
        page = (await thief.get("/accounts/mailkeep/choose/"))[1]
        assert "authenticator app" in page
        for code in ("", "000000", "000001", "000002", "000003"):
            assert (await thief.choose(factor=code))[0] == 422
        status, page = await thief.choose(factor=app.now())
        assert (status, "too many wrong codes" in page) == (409, True)
        await grace.recover(skip=1)
        assert await grace.choose(factor=app.now()) == (302, "/accounts/mailkeep/done/")
        old, new = (
            site.manage(
                "from django.contrib.auth import get_user_model as g\n"
                f"print(g().objects.get().check_password({one!r}))"
            ).strip()
            for one in (PASSWORD, NEW)
        )
        assert (old, new) == ("False", "True")


@pytest.mark.parametrize("site", ["allauth"], indirect=True)
async def test_the_same_over_allauths_headless_api(up: Up, site: Site) -> None:
    site.join("grace", ADDRESS)
    verify(site)
    app = bind(site)
    async with Browser(up, site) as grace, Browser(up, site) as phone:
        assert (await phone.api("GET", "/config"))[0] == 200
        status, told = await phone.api("POST", "/auth/login", username="grace", password=PASSWORD)
        assert status == 401  # allauth asks for the factor
        assert (await phone.api("POST", "/auth/2fa/authenticate", code=app.now()))[0] == 200
        await grace.api("GET", "/config")
        status, told = await grace.api("POST", "/auth/password/request", email=ADDRESS)
        assert status == 409
        start_at = told["data"]["url"]
        assert (await grace.api("GET", "/auth/password/reset"))[0] == 409
        await grace.send(start_at)
        await grace.get(await grace.prove())
        status, told = await grace.api("GET", "/auth/password/reset")
        assert (status, told["data"]) == (200, {"factor": "outstanding"})
        status, told = await grace.api("POST", "/auth/password/reset", password="short")
        assert (status, told["errors"][0]["param"]) == (400, "password")
        status, told = await grace.api("POST", "/auth/password/reset", password=NEW, code="1")
        assert (status, told["errors"][0]["param"]) == (400, "code")
        codes = json.loads(
            site.manage(
                "import json\n"
                "from django.contrib.auth import get_user_model as g\n"
                "from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes as R\n"
                "print(json.dumps(R.activate(g().objects.get()).get_unused_codes()))"
            )
        )
        status, told = await grace.api("POST", "/auth/password/reset", password=NEW, code=codes[0])
        assert (status, told["meta"]) == (401, {"is_authenticated": False}), told
        assert (await phone.api("GET", "/auth/session"))[0] == 401  # every session has ended
        assert (await grace.api("GET", "/auth/password/reset"))[0] == 409
        for client in ("app",):
            url = f"{site.url}/_allauth/{client}/v1/auth/password/reset"
            async with up.session.post(url, json={"password": NEW, "key": "x"}) as reply:
                assert reply.status == 409


@pytest.mark.parametrize("site", ["plain", "allauth"], indirect=True)
async def test_a_site_on_which_another_reset_is_left_does_not_pass_its_check(
    up: Up, site: Site
) -> None:
    assert site.command("check").returncode == 0
    left = site.command("check", SHOP_CONNECTED="0")
    assert left.returncode == 1
    assert "mailkeep.E002" in left.stderr
    assert "PasswordReset" in left.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("site", ["plain"], indirect=True)
async def test_a_real_browser_goes_away_and_comes_back(up: Up, site: Site) -> None:
    """Whether the policies of our pages let a form lead back, and what a person sees."""
    from playwright.async_api import async_playwright

    site.join("grace", ADDRESS)
    async with async_playwright() as driver, Visitor(up.url) as eyes:
        browser = await driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page()
        await page.goto(f"{site.url}/accounts/password_reset/")
        await page.get_by_label("Mail address that Shop knows").fill(ADDRESS)
        await page.locator("main button").click()
        await page.wait_for_url("**/recover/proof")
        link, code = await eyes.proofs(ADDRESS)
        await page.goto(f"{up.url}/recover/proof#{link}")
        await page.get_by_label("Short code, from the other mail").fill(code)
        await page.locator("main button").click()
        await page.get_by_role("button", name="Go back to Shop").click()
        await page.wait_for_url(f"{site.url}/accounts/mailkeep/choose/")
        for name in ("new_password1", "new_password2"):
            await page.locator(f"[name={name}]").fill(NEW)
        await page.locator("main button").click()
        await page.get_by_role("heading", name="The password is set").wait_for()
        await browser.close()
    async with Browser(up, site) as grace:
        assert await grace.sign_in("grace", NEW)


@pytest.mark.parametrize("site", ["plain"], indirect=True)
async def test_a_site_without_factors_has_mailkeep_keep_them(up: Up, site: Site) -> None:
    site.join("grace", ADDRESS)
    printed = site.manage(
        "from django.conf import settings\n"
        "from django.contrib.auth import get_user_model as g\n"
        "from django.test import Client, override_settings\n"
        "browser, url = Client(SERVER_NAME='127.0.0.1'), '/accounts/mailkeep/factor/'\n"
        "print(browser.post(url).status_code)\n"
        "browser.force_login(g().objects.create_user('ada', 'ada@example.org', 'x'))\n"
        "print(browser.get(url).status_code, browser.post(url).status_code)\n"
        "with override_settings(MAILKEEP=settings.MAILKEEP | {'KEPT_BY_MAILKEEP': True}):\n"
        "    g().objects.get(username='grace').save()\n"
        "    browser.force_login(g().objects.create_user('eve', 'eve@example.org', 'x'))\n"
        "    print(browser.post(url)['Location'])\n"
    )
    stranger, asked, kept = printed.strip().split("\n")
    assert (stranger, asked) == ("302", "405 404")  # to its sign-in; and it is not switched on
    assert re.fullmatch(re.escape(up.url) + "/keep#[0-9A-Z]{26}", kept)
    key = {"Authorization": f"Bearer {site.environ['SHOP_API_KEY']}"}
    async with up.session.get(f"{up.url}/v1/subjects/1", headers=key) as reply:
        held = (await reply.json())["held"]
    assert (held["factor"], held["agreed"]) == ("kept_here", "application")


@pytest.mark.parametrize("site", ["plain"], indirect=True)
async def test_the_day_on_which_mailkeep_begins_to_keep_factors_is_no_mass_rewrite(
    up: Up, site: Site
) -> None:
    """Every user changes on it: more than a stolen key may ask for, and each answered for."""
    printed = site.manage(
        "from django.conf import settings\n"
        "from django.contrib.auth import get_user_model as g\n"
        "from django.core.management import call_command\n"
        "from django.test import override_settings\n"
        "users = [g()(username=f'u{n}', email=f'u{n}@example.org') for n in range(45)]\n"
        "for one in users: one.set_password('x')\n"
        "g().objects.bulk_create(users)\n"
        "call_command('mailkeep_register')\n"
        "with override_settings(MAILKEEP=settings.MAILKEEP | {'KEPT_BY_MAILKEEP': True}):\n"
        "    call_command('mailkeep_register')\n"
    )
    assert printed.strip().split("\n") == ["45 registered", "45 held"]
    with contextlib.closing(sqlite3.connect(up.home / "mailkeep.db")) as database:
        kinds = [kind for (kind,) in database.execute("SELECT kind FROM events")]
    assert kinds.count("accounts.subject_change_held") == 90  # asked for, and answered for
    assert "accounts.subjects_rewritten" not in kinds
