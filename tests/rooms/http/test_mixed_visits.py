"""The cookies of two visits, mixed: who holds both learns nothing by what is answered."""

import httpx
import pytest

from .test_factor_pages import ADDRESS, PASSWORD, Browser, browser

__all__ = ["browser"]
HANDLE, SEALED = "__Host-confirmation", "__Host-confirming"


async def _sign_up(browser: Browser, address: str) -> dict[str, str]:
    """Sign up; the cookies that confirm it."""
    answer = await browser.client.post("/sign-up", data={"address": address, "password": PASSWORD})
    assert answer.headers["Location"] == "/sign-up/confirm"
    return _kept(answer)


def _kept(answer: httpx.Response) -> dict[str, str]:
    found = [one.partition(";")[0].partition("=") for one in answer.headers.get_list("set-cookie")]
    return {name: value for name, _, value in found if name in {HANDLE, SEALED}}


async def _again(browser: Browser, cookies: dict[str, str]) -> tuple[str, bool]:
    """Where sending it again leads, and whether the handle is another one now."""
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    answer = await browser.client.post("/sign-up/again", data={"_": ""}, headers={"Cookie": header})
    return answer.headers["Location"], _kept(answer).get(HANDLE, "") not in {"", cookies[HANDLE]}


@pytest.mark.check("ASVS 6.3.8")
async def test_the_handle_of_one_sign_up_and_the_address_of_another_tell_nothing(
    browser: Browser,
) -> None:
    await browser.owner()
    seen = []
    for address in (ADDRESS, "nobody@example.net"):
        mine, theirs = await _sign_up(browser, f"eve-{address}"), await _sign_up(browser, address)
        mixed = await _again(browser, {HANDLE: mine[HANDLE], SEALED: theirs[SEALED]})
        seen.append((mixed, await _again(browser, mine), await _again(browser, theirs)))
    assert seen[0] == seen[1]
    assert seen[0][1:] == (("/sign-up/confirm", True), ("/sign-up/confirm", True))
