"""Console page of the settings without secrets, the API keys and the operators."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.response import Redirect, Template

from mailkeep.base.errors import NotFound
from mailkeep.http.port import Running
from mailkeep.mail import api_keys
from mailkeep.operators import services
from mailkeep.operators.permissions import ROLES, Permission

from .operator import Operator, needs
from .showing import page


class SettingsPages(Controller):
    """One page, and what ends a key or a sign-in."""

    path = "/console/settings"
    include_in_schema = False

    @get("/", opt=needs(Permission.SETTINGS_SEE))
    async def show(self, running: Running, operator: Operator) -> Template:
        async with running.database.read() as tx:
            keys, now = await api_keys.listing(tx), tx.now
            people, names = await services.listing(tx), await services.names(tx)
        openid = running.openid
        return page(
            operator,
            "settings",
            "/settings",
            streams=list(running.streams.values()),
            providers=list(running.providers.values()),
            openid=None if openid is None else openid.settings,
            roles=ROLES,
            keys=[(one, one.state(now)) for one in reversed(keys)],
            people=people,
            names=names,
            public_url=running.public_url,
        )

    @post("/keys/{key:str}/revoke", opt=needs(Permission.KEYS_REVOKE))
    async def revoke(self, running: Running, operator: Operator, key: str) -> Response[Any]:
        async with running.database.read() as tx:
            found = next((one for one in await api_keys.listing(tx) if one.id == key), None)
        if found is None:
            raise NotFound("no such key")
        if operator.form.get("sure") != "yes":
            own = key == operator.actor
            return page(operator, "revoke", "/settings", key=found, own=own)
        await running.database.retrying(lambda tx: api_keys.revoke(tx, key, by=operator.actor))
        return _to()

    @post("/operators/{who:str}/end", opt=needs(Permission.OPERATORS_END))
    async def end(self, running: Running, operator: Operator, who: str) -> Redirect:
        await running.database.retrying(lambda tx: services.end(tx, who, by=operator.actor))
        return _to()


def _to() -> Redirect:
    return Redirect("/console/settings", status_code=303)
