"""What the pages of a reset and of a confirmation say to everybody, whoever has an account."""

from functools import partial

import httpx
import msgspec
import pytest

from mailkeep.accounts.types import Origin
from mailkeep.recovery.finishing import Finishing
from mailkeep.recovery.types import Progress

from .test_factor_pages import ADDRESS, PASSWORD, Browser, browser

__all__ = ["browser"]
CROWDED = "Many resets were asked for from your network of late."
HOUR = "type the newest code, whoever asked for it"


async def _ask(browser: Browser, address: str) -> httpx.Response:
    return await browser.client.post("/recover", data={"address": address})


async def test_a_crowd_is_told_of_for_as_long_as_it_is_one(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery = browser.running.recovery
    assert recovery is not None
    for n in range(recovery.settings.asks):
        await _ask(browser, f"x{n}@example.org")
    assert CROWDED not in (await browser.get("/recover/proof"))[1]
    answer = await _ask(browser, ADDRESS)
    kept = {one.partition("=")[0]: one for one in answer.headers.get_list("set-cookie")}
    assert f"Max-Age={round(recovery.settings.window)};" in kept["__Host-crowded"]
    assert "Max-Age=86400;" in kept["__Host-asked"], "the link is good for longer than that"
    assert CROWDED in (await browser.get("/recover/proof"))[1]

    # Once a mail has come the next one is not waited for.
    progress = Finishing.progress
    for link in (True, False):

        async def so_far(self: Finishing, origin: Origin, link: bool) -> Progress:
            found = await progress(self, origin)
            return msgspec.structs.replace(found, link=link, code=not link)

        monkeypatch.setattr(
            recovery.finishing, "progress", partial(so_far, recovery.finishing, link=link)
        )
        assert CROWDED not in (await browser.get("/recover/proof"))[1]
    monkeypatch.undo()

    browser.clock.advance(recovery.settings.window + 1)
    await _ask(browser, ADDRESS)
    page = (await browser.get("/recover/proof"))[1]
    assert CROWDED not in page
    assert "on their way" in page


@pytest.mark.parametrize("address", [ADDRESS, "nobody@example.net"])
async def test_the_code_of_the_hour_is_told_of_to_everybody(browser: Browser, address: str) -> None:
    """Strangers may have had it mailed before its owner came, whose own mail there is none of."""
    await browser.owner()
    to = await browser.post("/sign-up", address=address, password=PASSWORD)
    assert to == (303, "/sign-up/confirm")
    assert HOUR in (await browser.get("/sign-up/confirm"))[1]
    browser.client.cookies.clear()
    await browser.enter()
    assert HOUR in (await browser.get("/account/addresses/confirm"))[1]
