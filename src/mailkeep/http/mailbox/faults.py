"""Development page that switches the stand-in providers' faults, and shows how Mailkeep reacts."""

import asyncio

import msgspec
from litestar import Controller, get, post
from litestar.response import Redirect, ServerSentEvent, Template

from mailkeep.base.clock import HOUR
from mailkeep.base.errors import Invalid
from mailkeep.base.keys import digest
from mailkeep.events import queries as events
from mailkeep.http import forms
from mailkeep.http.port import Incoming, Running
from mailkeep.mail import queries as mail
from mailkeep.mail.events import MessageGivenUp
from mailkeep.mail.types import Content, NewMessage
from mailkeep.store.database import Tx

from . import life
from .pages import changes, shown
from .standins import StandIns

LOOK_SECONDS = 1.0
LOOKED_AT = 500  #: facts from which the newest things are told
TOLD = 20
BATCHES = (1, 10, 100)  #: how many test mails one press sends
SENDER, RECIPIENT = "hello@example.com", "person{n}@example.net"


class Faults(Controller):
    """What is wrong with the stand-ins, and what Mailkeep did about it."""

    path = "/mailbox/faults"
    include_in_schema = False

    @get("/")
    async def index(self, running: Running, faults: StandIns, sent: int = 0) -> Template:
        looks = await faults.look()
        async with running.database.read() as tx:
            told = await _told(tx)
            cut, resting = await mail.cut(tx), await mail.resting(tx)
        return await shown(
            running,
            "faults",
            looks=looks,
            faults=next((one.faults for one in looks if one.faults), ()),
            told=told,
            cut=cut,
            resting=resting,
            ailing=_ailing(running),
            streams=sorted(running.streams.values(), key=lambda one: one.priority),
            batches=BATCHES,
            sent=sent if sent in BATCHES else 0,
        )

    @get("/news", media_type="text/event-stream")
    async def news(self, running: Running, faults: StandIns) -> ServerSentEvent:
        """One event for each change of a fault, of routing, or of what was done."""

        async def version() -> str:
            looks = await faults.look()
            on = [
                (one.name, [(two.fault.name, two.since) for two in one.on or ()]) for one in looks
            ]
            async with running.database.read() as tx:
                told = await _told(tx)
                states = (await mail.cut(tx), await mail.resting(tx))
            return digest(msgspec.json.encode((on, told, states, _ailing(running))))

        return changes(version, LOOK_SECONDS)

    @post("/")
    async def switch(self, request: Incoming, running: Running, faults: StandIns) -> Redirect:
        """Turn one fault of one stand-in on or off."""
        form = await _form(request, running)
        name, fault = form.get("standin", ""), form.get("fault", "")
        if form.get("do") not in {"on", "off"}:
            raise Invalid("say on or off", field="do")
        await faults.switch(name, fault, form.get("choice", "") if form["do"] == "on" else None)
        return Redirect(f"/mailbox/faults#{fault}", status_code=303)

    @post("/clear")
    async def clear(self, request: Incoming, running: Running, faults: StandIns) -> Redirect:
        """Put every stand-in right."""
        await _form(request, running)
        await faults.clear()
        return Redirect("/mailbox/faults", status_code=303)

    @post("/send")
    async def send(self, request: Incoming, running: Running) -> Redirect:
        """Send test mails: without mail nothing shows."""
        form = await _form(request, running)
        wanted = form.get("count", "")
        count = int(wanted) if wanted in {str(one) for one in BATCHES} else 0
        if not count:
            raise Invalid(f"count is one of {', '.join(map(str, BATCHES))}", field="count")
        await _send(running, form.get("stream", ""), count)
        return Redirect(f"/mailbox/faults?sent={count}", status_code=303)


async def _told(tx: Tx) -> list[life.Told]:
    seen = await events.recent(tx, life.NEWS, tx.now - HOUR, LOOKED_AT)
    given_up = {one.fact.message for one in seen if isinstance(one.fact, MessageGivenUp)}
    return life.tell(seen, TOLD, await mail.to_ourselves(tx, given_up) if given_up else frozenset())


def _ailing(running: Running) -> dict[str, list[str]]:
    """The streams that avoid a provider just now, by provider."""
    out: dict[str, list[str]] = {}
    for stream in sorted(running.streams):
        for provider in sorted(running.dispatcher.ailing(stream)):
            out.setdefault(provider, []).append(stream)
    return out


async def _form(request: Incoming, running: Running) -> dict[str, str]:
    forms.check_origin(request, running.public_url)
    return await forms.fields(request)


async def _send(running: Running, stream: str, count: int) -> None:
    new = [
        running.intake.check(
            NewMessage(
                stream,
                Content(
                    SENDER,
                    RECIPIENT.format(n=number),
                    "A test mail" if count == 1 else f"Test mail {number} of {count}",
                    text=f"Sent from {running.public_url}/mailbox/faults.\n",
                ),
            )
        )
        for number in range(1, count + 1)
    ]

    async def store(tx: Tx) -> None:
        for one in new:
            await running.intake.accept(tx, one)

    await asyncio.wait_for(running.shared.run(store, lane=running.streams[stream].priority), 30)
