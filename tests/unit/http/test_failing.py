"""Whether a person is at the other end, by what they say that they take."""

import pytest

from mailkeep.http.failing import wants_page


@pytest.mark.parametrize(
    ("accept", "path", "page"),
    [
        ("text/html,*/*;q=0.8", "/nothing", True),
        ("application/xhtml+xml, TEXT/HTML;q=0.5", "/nothing", True),
        ("text/html;q=0", "/nothing", False),
        ("text/html;q=0.0, */*", "/nothing", False),
        ("*/*", "/nothing", False),
        ("text/htmlx", "/nothing", False),
        ("", "/nothing", False),
        ("text/html", "/v1/nothing", False),
        ("text/html", "/hooks/nobody", False),
    ],
)
def test_who_is_shown_a_page(accept: str, path: str, page: bool) -> None:
    assert wants_page(accept, path) is page
