"""The HTTP client of the OpenID provider: its metadata, its keys, and the code exchange.

Security: answers are bounded in size and time, and redirects are not followed. When the provider is
away, whoever has a passkey can still sign in.
"""

import asyncio
import secrets
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from mailkeep.base.clock import HOUR, MINUTE, SECOND, Clock, Instant
from mailkeep.base.errors import NotSignedIn, Unavailable
from mailkeep.base.secret import Secret

from . import openid
from .openid import Left, Metadata, Who
from .types import OperatorSettings

if TYPE_CHECKING:
    import aiohttp  # imported when somebody is asked: not by who only wants the settings

KEPT = HOUR  #: for which its description and keys are taken as good
AGAIN = MINUTE  #: before its keys are asked for again because of one that nobody knows
REST = 15 * SECOND  #: for which one that did not answer is not asked again: people wait for it
SECONDS = 5.0  #: for a whole request
MOST_READ = 256 * 1024

BACK = "/console/sign-in/openid/back"  #: where it sends browsers back to


class Asked(msgspec.Struct, frozen=True):
    """The state of one sign-in, kept sealed in its browser until it comes back."""

    state: str
    nonce: str
    verifier: str
    until: Instant


class Provider:
    """The OpenID provider of the settings.

    Args:
        settings: checked.
        secret: what proves us to it; None: it knows us by PKCE alone.
        public_url: ours.
    """

    def __init__(
        self, settings: OperatorSettings, secret: Secret | None, public_url: str, clock: Clock
    ) -> None:
        self.settings = settings
        self.redirect_uri = f"{public_url.rstrip('/')}{BACK}"
        self._secret = secret
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._known: tuple[Instant, Metadata] | None = None
        self._keys: tuple[Instant, KeySet] | None = None
        self._rests: tuple[Instant, str] = (0, "")
        self._turn, self._first = asyncio.Lock(), asyncio.Lock()

    async def metadata(self) -> Metadata:
        """Its description. Raises ``Unavailable``."""
        async with self._first:
            now = self._clock.now()
            if self._known is not None and self._known[0] <= now < self._known[0] + KEPT:
                return self._known[1]
            failed_at, why = self._rests
            if failed_at <= now < failed_at + REST:
                raise Unavailable(why)
            issuer = self.settings.issuer
            url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
            try:
                _, told = await self._ask("GET", url)
                self._known = (now, openid.metadata(told, issuer))
            except Unavailable as error:
                self._rests = (now, str(error))
                raise
            return self._known[1]

    async def begin(self, life: Instant) -> tuple[str, Asked]:
        """(where the browser goes, what it keeps for ``life``). Raises ``Unavailable``."""
        metadata = await self.metadata()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        url = openid.ask_url(
            metadata,
            self.settings.client_id,
            self.redirect_uri,
            scopes=self.settings.scopes,
            state=state,
            nonce=nonce,
            verifier=verifier,
        )
        return url, Asked(state, nonce, verifier, self._clock.now() + life)

    async def finish(self, asked: Asked, code: str, issuer: str) -> Who:
        """Exchange the code that a browser came back with, and return who it is.

        Args:
            issuer: whom the answer says it is of (RFC 9207); "": it does not say.

        Raises:
            NotSignedIn: the provider does not stand behind it.
            Unavailable: it cannot be asked.
        """
        metadata = await self.metadata()
        if issuer != metadata.issuer and (issuer or metadata.names_itself):
            raise NotSignedIn("this is the answer of another issuer")
        told = await self._exchange(metadata, asked, code)
        token = told.get("id_token") if isinstance(told, dict) else None
        if not isinstance(token, str):
            raise NotSignedIn("the OpenID provider does not say who you are")
        return openid.who(
            token,
            await self._key_set(openid.kid(token)),
            issuer=metadata.issuer,
            client=self.settings.client_id,
            nonce=asked.nonce,
            groups=self.settings.groups,
            now=self._clock.now() // SECOND,
        )

    async def left(self, token: str) -> Left:
        """Whom a logout token ends. Raises ``NotSignedIn``, ``Unavailable``."""
        return openid.left(
            token,
            await self._key_set(openid.kid(token)),
            issuer=self.settings.issuer,
            client=self.settings.client_id,
            now=self._clock.now() // SECOND,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _exchange(self, metadata: Metadata, asked: Asked, code: str) -> object:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": asked.verifier,
        }
        headers = {}
        client = self.settings.client_id
        if self._secret is None:
            form["client_id"] = client
        elif metadata.basic:  # RFC 6749 section 2.3.1: each is encoded before they are joined
            pair = f"{quote_plus(client)}:{quote_plus(self._secret.reveal())}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client, "client_secret": self._secret.reveal()}
        status, told = await self._ask("POST", metadata.token_endpoint, form, headers)
        if status != 200:
            raise NotSignedIn("the OpenID provider does not know this sign-in; begin again")
        return told

    async def _key_set(self, kid: str | None) -> KeySet:
        """The provider's keys, fetched again when they are old or lack one, but not for every
        forged token."""
        async with self._turn:
            now = self._clock.now()
            at, known = self._keys or (0, None)
            lacks = known is not None and kid not in {key.kid for key in known.keys}
            if known is None or not at <= now < at + (AGAIN if lacks else KEPT):
                _, told = await self._ask("GET", (await self.metadata()).jwks_uri)
                known = _read(told)
                self._keys = (now, known)
            return known

    async def _ask(
        self,
        method: str,
        url: str,
        form: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, object]:
        """(status, what its JSON says). Raises ``Unavailable``."""
        import aiohttp

        try:
            async with self._open().request(
                method,
                url,
                data=form,
                headers={"Accept": "application/json"} | (headers or {}),
                allow_redirects=False,
            ) as reply:
                body = await reply.content.read(MOST_READ + 1)
                while len(body) <= MOST_READ and (more := await reply.content.read(MOST_READ)):
                    body += more
                status = reply.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable("the OpenID provider does not answer") from error
        if status >= 500 or (method == "GET" and status != 200) or len(body) > MOST_READ:
            raise Unavailable("the OpenID provider does not answer as it must")
        try:
            return status, msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            if status != 200:
                return status, None
            raise Unavailable("the OpenID provider does not answer as it must") from error

    def _open(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


def _read(told: object) -> KeySet:
    """Its signing keys; those for other purposes and other kinds are left out."""
    keys = told.get("keys") if isinstance(told, dict) else None
    fit = [
        one
        for one in (keys if isinstance(keys, list) else [])
        if isinstance(one, dict)
        and one.get("use", "sig") == "sig"
        and one.get("kty") in {"RSA", "EC"}
    ]
    try:
        return KeySet.import_key_set({"keys": fit})
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise Unavailable("the OpenID provider's keys cannot be read") from error
