"""Console pages of messages: the list with its filters, and the history of one; no body, no
address.

An address to search for is posted and becomes a pseudonym at once: none appears in a URL. The mail
that tells whether it has an account takes a reason, and is seen by who may open accounts.
"""

import base64
import binascii
from collections.abc import Collection
from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.response import Redirect, Template
from yarl import URL

from mailkeep.accounts import opening
from mailkeep.base import addresses
from mailkeep.base.errors import Invalid
from mailkeep.base.keys import Unsealable
from mailkeep.http import account_mail
from mailkeep.http.account_mail import Sight
from mailkeep.http.api.messages import life
from mailkeep.http.port import Incoming, Running
from mailkeep.mail import lives, told
from mailkeep.mail.lives import Wanted
from mailkeep.mail.types import Status
from mailkeep.operators.permissions import Permission

from .operator import Operator, needs
from .refusing import or_again
from .showing import page

FILTERS = ("stream", "status", "tag", "recipient", "opened", "cursor")

_SEE = needs(Permission.MAIL_SEE)


class MessagePages(Controller):
    """The list and one of it."""

    path = "/console/messages"
    include_in_schema = False

    @get("/", opt=_SEE)
    async def index(self, request: Incoming, running: Running, operator: Operator) -> Template:
        given = {name: request.query_params.get(name, "").strip()[:200] for name in FILTERS}
        return await _shown(running, operator, given)

    @post("/search", opt=_SEE)
    async def search(
        self, request: Incoming, running: Running, operator: Operator
    ) -> Response[Any]:
        async def work() -> Response[Any]:
            address = addresses.parse(operator.form.get("address", ""), field="address")
            recipient = running.keys.pseudonym("address", addresses.key(address))
            there = URL.build(path="/console/messages", query={"recipient": recipient})
            reason = operator.form.get("reason", "")
            if reason and operator.may(Permission.ACCOUNTS_SEE):
                await running.database.retrying(
                    lambda tx: account_mail.open_(tx, recipient, by=operator.actor, reason=reason)
                )
                there = there.update_query(opened=_opened(running, operator, recipient))
            return Redirect(str(there), status_code=303)

        empty = dict.fromkeys(FILTERS, "")
        return await or_again(request, operator, work, lambda now: _shown(running, now, empty))

    @get("/{message:str}", opt=_SEE)
    async def show(self, running: Running, operator: Operator, message: str) -> Template:
        async with running.database.read() as tx:
            found = await life(tx, running, message)
        return page(operator, "message", "/messages", found=_sight(running, operator).one(found))


async def _shown(running: Running, operator: Operator, given: dict[str, str]) -> Template:
    """The list, as the filters have it. Raises ``Invalid``."""
    wanted = _wanted(given, running.streams)
    async with running.database.read() as tx:
        sees = _sight(running, operator, given["recipient"], given["opened"])
        if wanted.streams is None:
            wanted = msgspec.structs.replace(wanted, streams=sees.streams)
        # The overview leads every operator here, about any stream: the page says what is missing.
        found: list[lives.Life] = []
        following = None
        if given["stream"] not in sees.left_out:
            found, following = await lives.messages(tx, wanted)
    kept = {name: one for name, one in given.items() if one and name != "cursor"}
    after = "" if following is None else str(URL.build(query=kept | {"cursor": following}))
    return page(
        operator,
        "messages",
        "/messages",
        found=sees.shown(told.listed(one) for one in found),
        given=given,
        filtered=bool(kept),
        after=after,
        streams=list(running.streams),
        left_out=sees.left_out,
        opens=operator.may(Permission.ACCOUNTS_SEE),
        statuses=[one.value for one in Status],
    )


def _sight(running: Running, operator: Operator, recipient: str = "", opened: str = "") -> Sight:
    """What an operator sees, of the mail to one recipient where one is said."""
    return account_mail.sight(
        running.streams.keys(),
        account_mail.telling(running),
        (),
        accounts=operator.may(Permission.ACCOUNTS_SEE),
        to_one=bool(recipient),
        opened=_is_open(running, operator, recipient, opened),
    )


def _opened(running: Running, operator: Operator, recipient: str) -> str:
    """What says, in a link, that it was said why the mail to a recipient is looked at. It is no
    secret: it is worth something to that operator only, and for a while."""
    until = running.database.clock.now() + opening.LASTS
    sealed = running.keys.seal(_purpose(operator, recipient), str(until).encode())
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _is_open(running: Running, operator: Operator, recipient: str, opened: str) -> bool:
    try:
        sealed = base64.urlsafe_b64decode(opened + "=" * (-len(opened) % 4))
        until = int(running.keys.unseal(_purpose(operator, recipient), sealed))
    except (Unsealable, binascii.Error, ValueError):
        return False
    return running.database.clock.now() < until


def _purpose(operator: Operator, recipient: str) -> str:
    return f"mail opened by {operator.actor} to {recipient}"


def _wanted(given: dict[str, str], streams: Collection[str]) -> Wanted:
    """What the filters ask for (pure). Raises ``Invalid``."""
    stream, status = given["stream"], given["status"]
    if stream and stream not in streams:
        raise Invalid("there is no such stream", field="stream")
    if status and status not in list(Status):
        raise Invalid("there is no such status", field="status")
    if "\0" in given["tag"] + given["recipient"]:
        raise Invalid("this holds a character that nothing of ours does", field="tag")
    return Wanted(
        given["recipient"] or None,
        frozenset({stream}) if stream else None,
        Status(status) if status else None,
        cursor=given["cursor"] or None,
        tag=given["tag"] or None,
    )
