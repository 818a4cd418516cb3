"""The Content-Security-Policy of our pages: what they may load, and where forms may lead (pure)."""

from collections.abc import Iterable

NAME = "Content-Security-Policy"


def policy(*, forms: Iterable[str] = ()) -> str:
    """The policy of a page.

    Args:
        forms: origins to which the answer to a form may send the browser on, besides ours.
    """
    places = " ".join(("'self'", *forms))
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        f"connect-src 'self'; frame-src 'self'; form-action {places}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
