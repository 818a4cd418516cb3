"""Reads the form that a browser posts, and checks that it comes from a page of ours."""

from litestar.exceptions import ClientException

from mailkeep.http import origin

from .port import Incoming


def check_origin(request: Incoming, public_url: str) -> None:
    """Raises ``NotAllowed`` when a browser says that another site sends this."""
    origin.check({name.lower(): value for name, value in request.headers.items()}, public_url)


async def fields(request: Incoming) -> dict[str, str]:
    """The text fields of a form; files are left out.

    Raises:
        ClientException: 400, it cannot be read.
    """
    try:
        form = await request.form()
    except (LookupError, ValueError) as error:  # a character set that nobody knows, or bad bytes
        raise ClientException("the form cannot be read") from error
    found = {name: one for name, one in form.items() if isinstance(one, str)}
    if any("\0" in one for one in found.values()):  # no database takes it, not even to look for
        raise ClientException("the form cannot be read")
    return found
