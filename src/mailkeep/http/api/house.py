"""``/v1/keys`` and ``/v1/operators``: list API keys and operators. Read only, so that a leaked key
can neither end another one nor make one."""

import msgspec
from litestar import Controller, get

from mailkeep.base.clock import iso, when
from mailkeep.http.bearer import authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.mail import api_keys
from mailkeep.operators import services
from mailkeep.operators.permissions import Permission


class KeyOut(msgspec.Struct):
    """An API key, without its secret. ``state``: ``good``, ``replaced``, ``expired`` or
    ``revoked``."""

    id: str
    name: str
    state: str
    scopes: tuple[str, ...]
    streams: tuple[str, ...]
    domains: tuple[str, ...]
    networks: tuple[str, ...]
    application: str | None
    owner: str | None
    created_at: str
    last_used_at: str | None
    expires_at: str | None


class KeysOut(msgspec.Struct):
    """Every key that was ever made, the oldest first."""

    keys: list[KeyOut]


class OperatorOut(msgspec.Struct):
    """An operator from the OpenID provider. ``role`` null: none of their groups has one any
    more."""

    id: str
    name: str
    role: str | None
    first_at: str
    last_at: str
    sessions: int


class OperatorsOut(msgspec.Struct):
    """Operators, the last to sign in first."""

    operators: list[OperatorOut]


class KeysApi(Controller):
    """Needs a key with the scope ``operate``."""

    path = "/v1/keys"
    tags = ("house",)

    @get("/", summary="The API keys, and what each may do")
    async def index(self, request: Incoming, running: Running) -> KeysOut:
        await authorise(request, running, Permission.KEYS_SEE)
        async with running.database.read() as tx:
            found, now = await api_keys.listing(tx), tx.now
        return KeysOut(
            [
                KeyOut(
                    id=one.id,
                    name=one.name,
                    state=one.state(now),
                    scopes=one.scopes,
                    streams=one.streams,
                    domains=one.domains,
                    networks=one.networks,
                    application=one.application or None,
                    owner=one.owner or None,
                    created_at=iso(one.created_at),
                    last_used_at=when(one.last_used_at),
                    expires_at=when(one.expires_at),
                )
                for one in found
            ]
        )


class OperatorsApi(Controller):
    """Needs a key with the scope ``operate``."""

    path = "/v1/operators"
    tags = ("house",)

    @get("/", summary="Who came to the console by the OpenID provider")
    async def index(self, request: Incoming, running: Running) -> OperatorsOut:
        await authorise(request, running, Permission.OPERATORS_SEE)
        async with running.database.read() as tx:
            found = await services.listing(tx)
        return OperatorsOut(
            [
                OperatorOut(
                    id=one.id,
                    name=one.name,
                    role=None if one.role is None else one.role.value,
                    first_at=iso(one.first_at),
                    last_at=iso(one.last_at),
                    sessions=one.sessions,
                )
                for one in found
            ]
        )
