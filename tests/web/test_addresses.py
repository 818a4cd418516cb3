"""The addresses of an account, at its pages: added, stopped from a notice, removed."""

import re

import pyotp

from .conftest import Up
from .visitor import PASSWORD, Visitor

OLD, NEW = "grace@example.net", "grace@example.org"
PAGE = "/account/addresses"


async def ask(grace: Visitor, address: str = NEW, **more: str) -> tuple[int, str]:
    return await grace.post(PAGE, address=address, current=PASSWORD, **more)


async def test_an_address_is_added_and_stopped_from_the_old_one(up: Up) -> None:
    async with Visitor(up.url) as grace, Visitor(up.url) as thief:
        await grace.join(OLD)
        assert (await grace.get(PAGE))[0] == 303  # nobody is signed in
        await grace.enter(OLD)
        status, page = await grace.post(PAGE, address=NEW, current="not-the-password")
        assert (status, "current password is wrong" in page, NEW in page) == (401, True, True)
        assert (await ask(grace, "nothing"))[0] == 422
        assert (await ask(grace, OLD))[0] == 409
        assert await ask(grace) == (303, f"{PAGE}/confirm")
        page = (await grace.get(f"{PAGE}/confirm"))[1]
        assert f'<strong class="address">{NEW}</strong>' in page
        code = await grace.find(NEW, r"^Code: (\S{9})")
        link = await grace.find(NEW, rf"{PAGE}/confirm#(\w+)")
        assert link == code.replace("-", "")
        # Opening it redeems nothing, and in another browser the code is nothing.
        await thief.join("mallory@example.net")
        await thief.enter("mallory@example.net")
        assert (await thief.post(f"{PAGE}/confirm", code=code))[0] == 409
        assert (await grace.post(f"{PAGE}/confirm", code="0000-0000"))[0] == 409
        assert await grace.post(f"{PAGE}/confirm", code=code) == (303, PAGE)
        page = (await grace.get(PAGE))[1]
        assert "The address is added" in page
        assert "on resets can go through it" in page
        await grace.find(NEW, r"(can also be reset through it)")
        denial = await grace.find(OLD, r"/deny#(\w{26})")
        status, page = await grace.get("/deny")
        assert (status, NEW in (await grace.get(PAGE))[1]) == (200, True)
        assert (await thief.post("/deny", secret=denial))[0] == 200  # whoever holds the mail
        assert (await grace.get(PAGE))[0] == 303  # everybody is signed out
        assert (await grace.enter(OLD))[0] == 401
        await grace.find(OLD, r"(nothing of it counts)")


async def test_an_address_is_removed_with_the_password_and_the_factor(up: Up) -> None:
    async with Visitor(up.url) as grace:
        await grace.join(OLD)
        await grace.enter(OLD)
        await ask(grace)
        code = await grace.find(NEW, r"^Code: (\S{9})")
        assert await grace.post(f"{PAGE}/confirm", code=code) == (303, PAGE)
        app = await grace.bind()
        page = (await grace.get(PAGE))[1]
        point = re.findall(rf'value="(cpt_\w+)"[^>]*> <bdi>{OLD}<', page)[0]
        fields = {"point": point, "current": PASSWORD}
        status, page = await grace.post(f"{PAGE}/remove", **fields)
        assert (status, "second factor is missing" in page) == (401, True)
        assert f'value="{point}" required checked' in page
        right = fields | {"factor": _next(app)}
        assert await grace.post(f"{PAGE}/remove", **right) == (303, PAGE)
        page = (await grace.get(PAGE))[1]
        assert "until then resets still can go through it" in page
        assert (await grace.post(f"{PAGE}/stop", current=PASSWORD))[0] == 401


def _next(app: pyotp.TOTP) -> str:
    """The code of the step after: the one that bound the app is used up."""
    import time

    return str(app.at(int(time.time()) + 30))
