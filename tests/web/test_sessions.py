"""Where an account is signed in, at its page."""

import re

from .conftest import Up
from .visitor import Visitor

ADDRESS = "grace@example.net"
PAGE = "/account/sessions"


async def test_sessions_are_ended_and_a_browser_forgotten(up: Up) -> None:
    async with Visitor(up.url) as grace, Visitor(up.url) as phone:
        await grace.join(ADDRESS)
        await grace.enter(ADDRESS)
        await phone.enter(ADDRESS)
        page = (await grace.get("/account"))[1]
        assert "In 2 places" in page
        page = (await grace.get(PAGE))[1]
        assert page.count("(this one)") == 2
        assert "the network you are on now" in page
        assert await grace.post(f"{PAGE}/end", others="1") == (303, PAGE)
        assert "Signed out." in (await grace.get(PAGE))[1]
        assert (await phone.get(PAGE))[0] == 303
        await phone.enter(ADDRESS)
        page = (await phone.get(PAGE))[1]
        other = re.findall(r'name="browser" value="(\w+)"', page)
        assert len(other) == 2
        assert (await phone.post(f"{PAGE}/forget", browser="browser_none"))[0] == 404
        listed = page.partition("Browsers that your account knows")[2].split("</li>")
        (mine,) = [one for one in other if any(one in li and "(this one)" in li for li in listed)]
        (theirs,) = [one for one in other if one != mine]
        assert await phone.post(f"{PAGE}/forget", browser=theirs) == (303, PAGE)
        assert "is forgotten" in (await phone.get(PAGE))[1]
        assert (await grace.get(PAGE))[0] == 303
        assert await phone.post(f"{PAGE}/forget", browser=mine) == (303, "/sign-in")
        assert (await phone.get(PAGE))[0] == 303
        await grace.enter(ADDRESS)
        assert await grace.post(f"{PAGE}/end", all="1") == (303, "/sign-in")
        assert (await grace.get(PAGE))[0] == 303


async def test_this_was_not_me_signs_out_and_is_heard(up: Up) -> None:
    async with Visitor(up.url) as grace, Visitor(up.url) as thief:
        await grace.join(ADDRESS)
        await grace.enter(ADDRESS)
        await thief.enter(ADDRESS)
        page = (await grace.get(PAGE))[1]
        (other,) = re.findall(r'action="/account/sessions/deny".*?value="(\w+)"', page)
        assert (await grace.post(f"{PAGE}/deny", session="ses_none"))[0] == 404
        assert await grace.post(f"{PAGE}/deny", session=other) == (303, PAGE)
        page = (await grace.get(PAGE))[1]
        assert "change it now" in page
        assert "This was not me" not in page
        assert (await thief.get(PAGE))[0] == 303
        # What the owner does to the thief, the thief does to the owner, and no more than that.
        await thief.enter(ADDRESS)
        page = (await thief.get(PAGE))[1]
        (other,) = re.findall(r'action="/account/sessions/deny".*?value="(\w+)"', page)
        assert await thief.post(f"{PAGE}/deny", session=other) == (303, PAGE)
        assert (await grace.get(PAGE))[0] == 303
        await grace.enter(ADDRESS)
