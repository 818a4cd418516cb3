"""The development mailbox in a real browser: live, hostile, by keyboard, without scripts."""

import asyncio
from email.message import EmailMessage

import pytest
from playwright.async_api import Browser, Error, Page, expect

from .conftest import Up
from .mailbox import CHROMIUM, browser, deliver, listed

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: make deps")

ELSEWHERE = "http://elsewhere"  #: stands for a server that counts who comes
HARM = f"""<html><head>
<meta http-equiv="refresh" content="0;url={ELSEWHERE}/refresh">
<link rel="stylesheet" href="{ELSEWHERE}/sheet.css"><base href="{ELSEWHERE}/base/">
<link rel="preload" as="image" href="{ELSEWHERE}/p"><link rel="prefetch" href="{ELSEWHERE}/q">
<style>@import url("{ELSEWHERE}/import.css"); body {{ background: url("{ELSEWHERE}/bg") }}</style>
</head><body onload="top.document.title='run'">
<p>harmless words</p>
<script>top.location = '{ELSEWHERE}/top'</script><script src="{ELSEWHERE}/s.js"></script>
<img src="{ELSEWHERE}/pixel.png" srcset="{ELSEWHERE}/2x.png 2x"><video src="{ELSEWHERE}/v"></video>
<iframe src="{ELSEWHERE}/frame"></iframe><iframe srcdoc="<script>parent.x=1</script>"></iframe>
<object data="{ELSEWHERE}/o"></object><svg><image href="{ELSEWHERE}/svg.png"/></svg>
<form action="{ELSEWHERE}/form" method="post"><input name="a"><button>Send it</button></form>
<a href="javascript:top.document.title='run'">do nothing</a>
<img src="x" onerror="top.document.title='run'"><input autofocus onfocus="alert(1)">
</body></html>"""


async def _axe(page: Page) -> None:
    from axe_playwright_python.async_playwright import Axe

    found = await Axe().run(page)
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"


async def _open(launched: Browser, **options: object) -> Page:
    context = await launched.new_context(**options)
    return await context.new_page()


async def test_a_mail_that_means_harm_fetches_nothing_and_runs_nothing(up: Up) -> None:
    """The browser names what it blocks as asked for; only a real server knows what came."""
    came: list[object] = []

    def count(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(count, "127.0.0.1", 0)
    elsewhere = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    mail = EmailMessage()
    mail["Subject"] = "harm"
    mail.set_content(HARM.replace(ELSEWHERE, elsewhere), subtype="html")
    await deliver(up, mail.as_bytes())
    (path,) = await listed(up)
    async with browser() as launched, server:
        page = await _open(launched)
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        for url in (path, f"{path}/html"):
            await page.goto(f"{up.url}{url}")
            inner = page.frame_locator("iframe.frame") if url == path else page
            await expect(inner.get_by_text("harmless words")).to_be_visible()
            await inner.get_by_text("do nothing").click()
            await inner.get_by_role("button", name="Send it").click()
            await page.wait_for_timeout(1000)
            assert page.url == f"{up.url}{url}"
            assert await page.title() in {"harm · Mailkeep", ""}
        assert (came, dialogs) == ([], [])
        await page.goto(f"{up.url}/mailbox")
        await page.evaluate("url => fetch(url, {mode: 'no-cors'}).catch(() => 0)", elsewhere)
        assert came == []  # nor could the page itself
        with pytest.raises(Error):
            await page.goto(elsewhere)
        assert came  # the server does count


async def test_new_mail_appears_by_itself_and_is_unread_until_it_is_opened(up: Up) -> None:
    async with browser() as launched:
        page = await _open(launched)
        await page.goto(f"{up.url}/mailbox")
        news = page.locator("#news")
        await expect(news).to_have_text("Live: new mail appears by itself.")
        await deliver(up, b"Subject: first\r\n\r\nx")
        first = page.locator(".letters > li", has_text="first")
        await expect(first).to_have_class("unread")
        await expect(news).to_have_text("1 new mail.")
        await first.get_by_role("link").focus()
        for number in range(5):
            await deliver(up, f"Subject: burst {number}\r\n\r\nx".encode())
        await expect(page.locator(".letters > li")).to_have_count(6)
        await expect(page.get_by_text("6 mails", exact=True)).to_be_visible()
        await expect(first.get_by_role("link")).to_be_focused()
        await expect(news).to_have_text("5 new mails.", timeout=10_000)  # one sentence for a burst
        await first.get_by_role("link").click()
        await expect(page.get_by_role("heading", name="first")).to_be_visible()
        await page.go_back()
        await expect(first).to_have_class("read")
        await expect(page.locator(".letters > li.unread")).to_have_count(5)
        await expect(page.get_by_role("link", name="Unread.")).to_have_count(5)


async def test_a_fault_set_in_the_browser_ends_in_a_failover_that_is_seen(up: Up) -> None:
    async with browser() as launched:
        page = await _open(launched)
        await page.goto(f"{up.url}/mailbox/faults")
        fault = page.locator("#suspend form", has_text="mandrill")
        await expect(page.get_by_text("Live: this page")).to_be_visible()
        await fault.get_by_role("combobox").select_option("sending-suspended")
        await fault.get_by_role("button", name="Turn on").click()
        await expect(page.locator("#state")).to_contain_text(
            "mandrill: account suspended (sending-suspended) since"
        )
        await page.get_by_role("button", name="Send 10", exact=True).click()
        await expect(page.get_by_text("10 test mails taken in.")).to_be_visible()
        told = page.locator("#timeline")
        # One of the ten meets the suspension, or a canary just before them: then none fails over.
        await expect(told).to_contain_text("The alert stream avoids mandrill: suspended.")
        await expect(page.locator("#state")).to_contain_text("Routing avoids it for alert")
        # Refusals of one address are no sign: it takes the next ones that try whether it is back.
        await expect(told).to_contain_text(
            "mandrill says that our account there is suspended", timeout=60_000
        )
        await expect(told).to_contain_text("An incident was opened about mandrill.", timeout=30_000)
        await expect(told.get_by_role("link", name="To the incident").first).to_be_visible()
        other = await page.context.new_page()
        await other.goto(f"{up.url}/mailbox")
        await expect(other.get_by_label("Faults that are on")).to_contain_text("sending-suspended")
        await expect(other.locator(".letters .carrier")).to_have_text(["by postmark · alert"] * 10)
        await up.fault("mandrill", suspend=False)  # by another hand: the page notices
        await expect(page.locator("#state")).to_contain_text("mandrill: no fault")
        await expect(fault.get_by_role("button", name="Turn on")).to_be_visible()


async def test_everything_but_news_works_without_scripts(up: Up) -> None:
    await deliver(up, b"Subject: words\r\nContent-Type: text/html\r\n\r\n<p>rich")
    async with browser() as launched:
        page = await _open(launched, java_script_enabled=False)
        await page.goto(f"{up.url}/mailbox")
        await page.get_by_label("Search the mails").fill("has:attachment")
        await page.get_by_role("button", name="Search").click()
        await expect(page.get_by_text("No mail has")).to_be_visible()
        await page.get_by_role("link", name="Show all").click()
        await page.get_by_role("link", name="words").click()
        frame = page.locator("iframe.frame")
        wide = (await frame.bounding_box() or {})["width"]
        await page.get_by_text("Phone", exact=True).click()
        assert (await frame.bounding_box() or {})["width"] == 375 < wide
        for part in ("Text", "Headers", "Source", "Files"):
            await page.get_by_role("link", name=part).click()
            await expect(page.get_by_role("link", name=part)).to_have_attribute(
                "aria-current", "page"
            )
        await page.get_by_role("link", name="Faults").click()
        fault = page.locator("#fail form", has_text="postmark")
        await fault.get_by_role("button").click()
        await expect(fault).to_contain_text("500 since")
        await page.get_by_role("button", name="Turn every fault off").click()
        await expect(page.locator("#state")).to_contain_text("postmark: no fault")
        await page.get_by_role("link", name="Mailbox").click()
        await page.get_by_role("link", name="Delete all").click()
        await page.get_by_role("button", name="Delete 1").click()
        await expect(page.get_by_text("No mail yet.")).to_be_visible()


async def test_the_keyboard_alone_will_do(up: Up) -> None:
    for name in ("one", "two", "three"):
        sent = await up.send(subject=name, html="<p>rich <a href='https://x.example/'>x</a>")
        await up.until(sent["id"], "delivered")
    async with browser() as launched:
        page = await _open(launched)

        async def walk(to: str, most: int = 40) -> None:
            """Press Tab until the focus is on what matches, and see that it shows."""
            for _ in range(most):
                await page.keyboard.press("Tab")
                if await page.evaluate("to => document.activeElement.matches(to)", to):
                    style = "getComputedStyle(document.activeElement)"
                    assert await page.evaluate(f"{style}.outlineStyle") == "solid"
                    return
            raise AssertionError(f"no way to {to}")

        await page.goto(f"{up.url}/mailbox")
        await walk(".skip", 1)
        await page.keyboard.press("Enter")
        await walk("#q")
        await walk(".letters li:first-child a")
        await page.keyboard.press("j")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("k")
        here = "document.activeElement.closest('li').querySelector('.subject').textContent"
        assert await page.evaluate(here) == "two"
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="two")).to_be_visible()
        # The radio buttons are under their labels, which show the focus.
        for _ in range(15):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.id") == "fit":
                break
        await page.keyboard.press("ArrowRight")
        await expect(page.locator("#wide")).to_be_checked()
        await walk(".beside a")  # out of the frame again: no trap
        await page.goto(f"{up.url}/mailbox/faults")
        await walk("#mandrill-throttle", 80)
        await page.keyboard.press("Enter")
        await expect(page.locator("#throttle")).to_contain_text("on since")
        assert page.url.endswith("#throttle")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_is_inaccessible_or_wider_than_a_phone(up: Up, scheme: str) -> None:
    mail = EmailMessage()
    mail["From"] = "us@example.com"
    mail["Reply-To"] = "else@example.org"
    mail["Subject"] = "W" * 300
    mail.set_content("see https://evil.example/" + "x" * 300)
    mail.add_alternative("<p>see <a href='javascript:x'>this</a>", subtype="html")
    mail.add_attachment(b"x", maintype="a", subtype="b", filename="y" * 90)
    await deliver(up, mail.as_bytes())
    (path,) = await listed(up)
    await up.fault("postmark", leak=True, slow={"seconds": 0.2})
    sent = (await up.send())["id"]
    await up.until(sent, "delivered")
    parts = [f"{path}?part={name}" for name in ("html", "text", "headers", "source", "files")]
    paths = ["", "?q=nothing", "/clear", f"/messages/{sent}", "/faults", "/cm_nobody"]
    async with browser() as launched:
        for width in (320, 1200):
            page = await _open(
                launched,
                viewport={"width": width, "height": 760},
                color_scheme=scheme,
                reduced_motion="reduce",
            )
            for one in [*(f"/mailbox{one}" for one in paths), *parts]:
                await page.goto(f"{up.url}{one}")
                if (width < 1000) == (scheme == "light"):  # colours and widths once each
                    await _axe(page)
                wide = await page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, one
            await page.context.close()


async def test_dark_colours_are_the_mails_own(up: Up) -> None:
    style = "@media (prefers-color-scheme: dark) { p { color: rgb(1, 2, 3) } }"
    html = f'<meta name="color-scheme" content="light dark"><style>{style}</style><p>words'
    await deliver(up, f"Subject: s\r\nContent-Type: text/html\r\n\r\n{html}".encode())
    (path,) = await listed(up)
    async with browser() as launched:
        # Emulated colours would outweigh those of the frame: none here.
        page = await _open(launched, color_scheme="null")
        await page.goto(f"{up.url}{path}")
        words = page.frame_locator("iframe.frame").get_by_text("words")
        await expect(words).to_have_css("color", "rgb(0, 0, 0)")
        await page.get_by_text("Dark", exact=True).click()
        await expect(words).to_have_css("color", "rgb(1, 2, 3)")
        await page.get_by_text("Light", exact=True).click()
        await expect(words).to_have_css("color", "rgb(0, 0, 0)")
