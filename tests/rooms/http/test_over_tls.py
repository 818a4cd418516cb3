"""What a house that is reached over TLS tells browsers."""

from .conftest import Api
from .test_factor_pages import Browser, browser

__all__ = ["browser"]
NAME = "Strict-Transport-Security"


async def test_who_has_come_over_tls_once_comes_by_nothing_else(browser: Browser) -> None:
    for path in ("/sign-in", "/account", "/no-such-page", "/static/style.css", "/healthz"):
        answer = await browser.client.get(path)
        assert answer.headers[NAME] == "max-age=31536000", path


async def test_a_house_on_loopback_says_nothing_of_tls(api: Api) -> None:
    answer = await api.ask("GET", "/healthz")
    assert NAME not in answer.headers
