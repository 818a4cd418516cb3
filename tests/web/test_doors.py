"""What strangers send to the doors: refused in order, and never our fault."""

import asyncio
import http.client

from yarl import URL

from .conftest import Up

FORM = (
    b'--x\r\nContent-Disposition: form-data; name="address"\r\n'
    b"Content-Type: text/plain; charset=%s\r\n\r\nada@example.net\r\n--x--\r\n"
)
MULTIPART = "multipart/form-data; boundary=x"


async def _post(up: Up, path: str, body: bytes, headers: dict[str, str]) -> int:
    async with up.session.post(
        f"{up.url}{path}", data=body, headers=headers, allow_redirects=False
    ) as reply:
        return reply.status


async def test_a_form_that_nobody_can_read_is_no_fault_of_ours(up: Up) -> None:
    plain = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/recover", "/sign-in", "/console/sign-in"):
        assert await _post(up, path, FORM % b"nonsense", {"Content-Type": MULTIPART}) == 400
        for said in ("http://[::1", "null", "https://evil.example", f"{up.url}@evil.example"):
            assert await _post(up, path, b"a=b", plain | {"Origin": said}) == 403
    for name in ("localhost", "127.0.0.1"):
        host = f"{name}:{URL(up.url).port}"
        own = {"Origin": f"http://{host}", "Host": host}
        assert await _post(up, "/recover", b"address=ada@example.net", plain | own) == 303
    good = {"Content-Type": MULTIPART, "Origin": up.url}
    assert await _post(up, "/recover", FORM % b"utf-8", good) == 303


async def test_a_stranger_is_refused_before_the_body_is_read(up: Up) -> None:
    """The answer comes while the body is still announced."""

    def ask(path: str, key: str) -> int:
        url = URL(up.url)
        connection = http.client.HTTPConnection(url.host or "", url.port, timeout=10)
        connection.putrequest("POST", path)
        connection.putheader("Authorization", f"Bearer {key}")
        connection.putheader("Content-Length", str(40 * 1024 * 1024))
        connection.endheaders()
        status = connection.getresponse().status
        connection.close()
        return status

    for path in (
        "/v1/messages",
        "/v1/incidents/inc_1/actions/cut_provider",
        "/v1/incidents/inc_1/notes",
        "/v1/incidents/inc_1/close",
    ):
        assert await asyncio.to_thread(ask, path, "mk_nobody") == 401


async def test_who_may_send_is_told_what_is_wrong_with_the_body(up: Up) -> None:
    assert await _post(up, "/v1/messages", b"{", up.bearer()) == 422
    assert await _post(up, "/v1/messages", b"{", {"Authorization": "Bearer mk_nobody"}) == 401
    assert await _post(up, "/v1/messages", b"{", {}) == 401
