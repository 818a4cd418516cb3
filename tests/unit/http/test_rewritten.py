"""Where a rewritten link leads, and that it leads nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.http.rewritten import page

SECRET = "0123456789ABCDEFGHJKMNPQRS"


@pytest.mark.parametrize("path", ["/recover/proof", "/deny", "/sign-up/confirm"])
def test_a_link_of_ours_leads_to_its_page(path: str) -> None:
    assert page(f"{path}#{SECRET}") == f"{path}#{SECRET}"


@pytest.mark.parametrize(
    "path",
    [
        f"//elsewhere.example/x#{SECRET}",
        f"/\\elsewhere.example#{SECRET}",
        f"/recover/../x#{SECRET}",
        f"/recover/proof#{SECRET}0",
        f"/recover/proof#{SECRET}\n",
        "/recover/proof#short",
        "/recover/proof",
        f"#{SECRET}",
    ],
)
def test_anything_else_leads_nowhere(path: str) -> None:
    assert page(path) is None


@given(st.text(max_size=60))
def test_no_text_leads_to_another_host(path: str) -> None:
    meant = page(path)
    assert meant is None or (meant.startswith("/") and meant[1] not in "/\\")
