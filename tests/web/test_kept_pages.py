"""The pages for users of an application in a real browser: a factor that we keep, 'was this you?'

Each step is looked at by axe on a phone and on a desk, light and dark.
"""

import base64

from playwright.async_api import Page, expect

from .conftest import Up
from .shop.site import cli
from .test_factors import Desk, browsers, desk
from .test_oauth import BACK, Shop
from .visitor import Visitor

ADDRESS = "grace@example.net"
SIZES = ({"width": 390, "height": 760}, {"width": 1280, "height": 800})


async def look(grace: Desk, name: str) -> None:
    """Nothing is wrong with the page, whoever looks at it."""
    for size in SIZES:
        await grace.page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            await grace.page.emulate_media(color_scheme=scheme)
            await grace.quiet()
            wide = await grace.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size["width"], f"{name} runs out of a screen of {size['width']}"


async def by_keyboard(page: Page, label: str) -> None:
    """Press a button without a mouse."""
    await page.get_by_role("button", name=label, exact=True).focus()
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def _shop(up: Up) -> Shop:
    made = cli(up, "applications", "add", "Shop", "--redirect", BACK)
    key = cli(up, "keys", "create", "shop", "--scope", "recover", "--application", "Shop")
    return Shop(up, str(made["client_id"]), str(made["client_secret"]), str(key["key"]))


async def _ticket(shop: Shop, name: str) -> str:
    own = base64.b64encode(f"{shop.id}:{shop.secret}".encode()).decode()
    url = f"{shop.up.url}/v1/subjects/{name}/factors/ticket"
    async with shop.up.session.post(url, headers={"Authorization": f"Basic {own}"}) as reply:
        assert reply.status == 201
        return str((await reply.json())["url"])


@browsers
async def test_a_user_of_an_application_binds_a_factor_and_answers_for_a_change(up: Up) -> None:
    shop = await _shop(up)
    assert (await shop.register("41", ADDRESS, factor="kept_here"))[0] == 200
    async with Visitor(up.url) as eyes, desk(up.url) as grace:
        page = grace.page
        await grace.plug_in()
        await page.goto(await _ticket(shop, "41"))
        await expect(page.get_by_label("Code of the link")).not_to_have_value("")
        await look(grace, "keep-open")
        await by_keyboard(page, "Go on")
        await expect(page.get_by_role("heading", name="Add a passkey")).to_be_visible()
        await look(grace, "keep-none")
        await page.get_by_label("A name for it").fill("My phone")
        await grace.press("Add a passkey")
        await expect(page.get_by_text("It is added.")).to_be_visible()
        await look(grace, "keep-one")
        await grace.press("Make saved codes")
        await expect(page.locator(".codes code")).to_have_count(10)
        await look(grace, "keep-codes")
        await page.goto(f"{up.url}/keep/factors")
        await grace.press("Add an authenticator app")
        await expect(page.get_by_label("Code of your app")).to_be_visible()
        await look(grace, "keep-app")
        # The link was good once.
        await page.context.clear_cookies()
        await page.goto(f"{up.url}/keep")
        await page.get_by_label("Code of the link").fill("0" * 26)
        await by_keyboard(page, "Go on")
        await expect(page.get_by_role("alert")).to_be_visible()
        await look(grace, "keep-refused")

        assert (await shop.register("41", "else@example.net", factor="kept_here"))[0] == 202
        secret = await eyes.find(ADDRESS, r"/change#([0-9A-Z]{26})")
        for answer, said in (
            ("This was me", "its half of the answer is noted"),
            ("This was not me: stop it", "the change is stopped"),
        ):
            await page.goto("about:blank")  # else only the fragment is another one
            await page.goto(f"{up.url}/change#{secret}")
            await expect(page.get_by_label("Code of the link")).to_have_value(secret)
            await look(grace, "change")
            await by_keyboard(page, answer)
            await expect(page.get_by_role("status").first).to_contain_text(said)
            await look(grace, f"change-{answer[:12]}")
        status, told = await shop.call("GET", "/v1/subjects/41")
        assert (status, told["held"]) == (200, None)
