"""A passkey device in a few lines: makes keys, signs, counts; written from the specification (W3C
Web Authentication section 6), so that it shares no mistake with the library that verifies."""

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN = "http://localhost"


def text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def data(told: str) -> bytes:
    return urlsafe_b64decode(told + "=" * (-len(told) % 4))


@dataclass
class Device:
    """One key on one device."""

    origin: str = ORIGIN
    verifies: bool = True
    counts: bool = True
    synced: bool = False
    count: int = 0
    user: bytes = b""
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(20))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def create(self, options: str) -> str:
        """Answer ``navigator.credentials.create``."""
        asked = json.loads(options)
        self.user = data(asked["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        public = cbor2.dumps(
            {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        )
        attested = bytes(16) + struct.pack(">H", len(self.credential)) + self.credential + public
        said = self._data(asked["rp"]["id"], 0x40) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": said})
        return self._answer(
            clientDataJSON=text(self._client("webauthn.create", asked)),
            attestationObject=text(attestation),
            transports=["internal"],
        )

    def get(self, options: str, **over: str) -> str:
        """Answer ``navigator.credentials.get``."""
        asked = json.loads(options)
        said = self._data(asked["rpId"])
        client = self._client("webauthn.get", asked)
        signed = self.key.sign(said + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        answer = {
            "clientDataJSON": text(client),
            "authenticatorData": text(said),
            "signature": text(signed),
            "userHandle": text(self.user),
        }
        return self._answer(**answer | over)

    def _data(self, rp: str, flags: int = 0) -> bytes:
        self.count += self.counts
        flags |= 0x01 | (0x04 if self.verifies else 0) | (0x18 if self.synced else 0)
        return hashlib.sha256(rp.encode()).digest() + struct.pack(">BI", flags, self.count)

    def _client(self, kind: str, asked: dict[str, object]) -> bytes:
        return json.dumps(
            {"type": kind, "challenge": asked["challenge"], "origin": self.origin}
        ).encode()

    def _answer(self, **response: object) -> str:
        name = text(self.credential)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
