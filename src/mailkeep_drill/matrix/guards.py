"""What an account is guarded by beside its password: what its owner answers, and what of that a
thief gets who sits between them and the site."""

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from mailkeep_drill.browser import Browser
from mailkeep_drill.cast import Authenticator

ELSEWHERE = "http://login.elsewhere.example"  #: where a thief shows a page that looks like ours


class Guard:
    """A second factor as forms take it; as it stands here, none."""

    name = ""
    signs = False  #: it answers a question of the site

    async def typed(self) -> str:
        """What its owner types."""
        return ""

    def get(self, options: str, origin: str = "") -> str:
        """What it signs for a page at ``origin``, its own site by default; "": nothing."""
        del options, origin
        return ""

    async def answer(
        self, browser: Browser, ask: str, field: str, origin: str = ""
    ) -> dict[str, str]:
        """What its owner puts into a form.

        Args:
            browser: theirs, or the thief's where the thief relays.
            ask: path at which the site asks passkeys.
            field: of the form, for what is typed.
        """
        if not self.signs:
            typed = await self.typed()
            return {field: typed} if typed else {}
        page = await browser.post(ask, {})
        if page.status != 200 or not page.text.startswith("{"):
            return {}
        signed = self.get(page.text, origin)
        return {"assertion": signed} if signed else {}

    async def relayed(self, browser: Browser, ask: str, field: str) -> dict[str, str]:
        """What its owner, on a false page, lets the thief put into the true one. No browser would
        let that page ask for a passkey of this site; one that did would still write the page's own
        origin into what is signed."""
        return await self.answer(browser, ask, field, ELSEWHERE)


class App(Guard):
    """An authenticator app."""

    name = "a code of the app"

    def __init__(self, app: Authenticator) -> None:
        self._app = app

    async def typed(self) -> str:
        return await self._app.code()


class Saved(Guard):
    """Saved codes, of an owner whose phone is gone."""

    name = "a saved code"

    def __init__(self, codes: list[str]) -> None:
        self._codes = codes

    async def typed(self) -> str:
        return self._codes.pop()


class Passkey(Guard):
    """A device that keeps one key, written from the specification (W3C Web Authentication, section
    6), so that it shares no mistake with the library that verifies.

    Args:
        origin: of the site that it was made for.
    """

    name = "a passkey"
    signs = True

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._count = 0
        self._user = b""
        self._credential = secrets.token_bytes(20)
        self._key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: str) -> str:
        """Answer ``navigator.credentials.create``."""
        asked = json.loads(options)
        self._user = _bytes(asked["user"]["id"])
        numbers = self._key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        said = self._data(asked["rp"]["id"], 0x40) + bytes(16)
        said += struct.pack(">H", len(self._credential)) + self._credential + cbor2.dumps(public)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": said})
        client = self._client("webauthn.create", asked, self._origin)
        return self._written(clientDataJSON=client, attestationObject=attestation)

    def get(self, options: str, origin: str = "") -> str:
        """Answer ``navigator.credentials.get``; see `Guard.get`."""
        asked = json.loads(options)
        said = self._data(asked["rpId"])
        client = self._client("webauthn.get", asked, origin or self._origin)
        signed = self._key.sign(said + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._written(
            clientDataJSON=client, authenticatorData=said, signature=signed, userHandle=self._user
        )

    def _data(self, rp: str, flags: int = 0) -> bytes:
        self._count += 1
        return hashlib.sha256(rp.encode()).digest() + struct.pack(">BI", flags | 5, self._count)

    def _client(self, kind: str, asked: dict[str, object], origin: str) -> bytes:
        made = {"type": kind, "challenge": asked["challenge"], "origin": origin}
        return json.dumps(made).encode()

    def _written(self, **response: bytes) -> str:
        name = _text(self._credential)
        told = {key: _text(value) for key, value in response.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": told})


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
