"""Pages of the development mailbox: list and search, an open mail, downloads, clearing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from litestar import Controller, Response, get, post
from litestar.response import Redirect, ServerSentEvent, Template

from mailkeep.base.clock import iso
from mailkeep.base.errors import MailkeepError, NotFound
from mailkeep.base.keys import digest
from mailkeep.events import queries as events
from mailkeep.http import forms
from mailkeep.http.port import Incoming, Running
from mailkeep.mail import lives, queries, services
from mailkeep.store.database import Tx

from . import letter, life, markup, search, view
from .letter import Letter
from .shelf import Shelf
from .standins import StandIns
from .view import Row

PAGE = 50
LOOK_SECONDS = 0.5
MOST_STEPS = 200

#: For what comes out of a mail: opened by itself it may do nothing at all.
NOTHING = {"Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'"}
FRAME = {
    "Content-Security-Policy": (
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; "
        "style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
    "X-DNS-Prefetch-Control": "off",  # names in a mail are not even looked up
}


class Mailbox(Controller):
    """The list, and a mail."""

    path = "/mailbox"
    include_in_schema = False

    @get("/")
    async def index(
        self, running: Running, shelf: Shelf, faults: StandIns, q: str = "", page: int = 1
    ) -> Template:
        query = q[: search.MAX_QUERY]
        found, everything = await _found(running, shelf, query)
        pages = max(1, -(-len(found) // PAGE))
        page = min(max(1, page), pages)
        rows = found[(page - 1) * PAGE : page * PAGE]
        if not search.terms(query):  # what Mailkeep knows was not looked up yet
            rows = await _with_known(running, rows)
        return await shown(
            running,
            "list",
            rows=rows,
            q=query,
            found=len(found),
            everything=everything,
            page=page,
            pages=pages,
            link=_link,
            looks=await faults.look(),
        )

    @get("/news", media_type="text/event-stream")
    async def news(self, running: Running, shelf: Shelf) -> ServerSentEvent:
        """One event for each change of the mailbox. A mail may arrive before its provider has said
        that it took it: who carried it is news too."""

        async def version() -> str:
            newest = [Row(one, None) for one in (await shelf.all())[:PAGE]]
            known = [one.known for one in await _with_known(running, newest)]
            return await shelf.version() + digest(msgspec.json.encode(known))

        return changes(version, LOOK_SECONDS)

    @get("/clear")
    async def sure(self, running: Running, shelf: Shelf, q: str = "") -> Template:
        """Ask before mails are deleted."""
        query = q[: search.MAX_QUERY]
        found, _ = await _found(running, shelf, query)
        newest = found[0].mail.id if found else ""
        return await shown(running, "clear", q=query, count=len(found), newest=newest)

    @post("/clear")
    async def clear(self, request: Incoming, running: Running, shelf: Shelf) -> Redirect:
        """Delete what was found then; what came later stays."""
        forms.check_origin(request, running.public_url)
        form = await forms.fields(request)
        found, _ = await _found(running, shelf, form.get("q", "")[: search.MAX_QUERY])
        newest = form.get("newest", "")
        gone = [one.mail.id for one in found if one.mail.id <= newest]
        await running.database.retrying(lambda tx: services.uncatch(tx, gone))
        return Redirect("/mailbox", status_code=303)

    @get("/messages/{number:str}")
    async def message(self, running: Running, shelf: Shelf, number: str) -> Template:
        """The life of one message."""
        async with running.database.read() as tx:
            found = await lives.one(tx, number)
            attempts = await lives.attempts(tx, found.id)
            told = await _steps(tx, found)
        mails = [one for one in await shelf.all() if one.message == number]
        return await shown(
            running, "life", message=found, attempts=attempts, steps=told, mails=mails
        )

    @get("/{mail:str}")
    async def show(self, running: Running, shelf: Shelf, mail: str, part: str = "") -> Template:
        async with running.database.read() as tx:
            caught = await queries.caught_one(tx, mail)
        opened = await asyncio.to_thread(_opened, caught.raw, running.public_url)
        part = part if part in view.VIEWS else "html" if opened.letter.html is not None else "text"
        brief = await asyncio.to_thread(
            letter.brief, caught.id, caught.at, caught.recipient, caught.raw
        )
        async with running.database.read() as tx:
            known = await _known(running, tx, [brief.message])
            message = await lives.one(tx, brief.message) if known else None
            attempts = await lives.attempts(tx, brief.message) if known else []
        ids = await shelf.ids()
        place = ids.index(mail) if mail in ids else 0
        return await shown(
            running,
            "mail",
            row=Row(brief, known.get(brief.message)),
            open=opened,
            message=message,
            attempts=attempts,
            part=part,
            views=view.VIEWS,
            source=_shown_source(caught.raw) if part == "source" else "",
            size=len(caught.raw),
            newer=ids[place - 1] if place > 0 else "",
            older=ids[place + 1] if place + 1 < len(ids) else "",
        )

    @get("/{mail:str}/html")
    async def html(self, running: Running, mail: str) -> Response[str]:
        """The HTML alone, for the frame."""
        found = await _letter(running, mail)
        document = await asyncio.to_thread(markup.frame, found.html or "", found.images())
        return Response(document, media_type="text/html; charset=utf-8", headers=FRAME)

    @get("/{mail:str}/source")
    async def source(self, running: Running, mail: str) -> Response[bytes]:
        async with running.database.read() as tx:
            caught = await queries.caught_one(tx, mail)
        return Response(caught.raw, media_type="text/plain; charset=utf-8", headers=NOTHING)

    @get("/{mail:str}/download")
    async def download(self, running: Running, mail: str) -> Response[bytes]:
        """The mail as a file for other programs."""
        async with running.database.read() as tx:
            caught = await queries.caught_one(tx, mail)
        return _file(caught.raw, f"{caught.id}.eml")

    @get("/{mail:str}/files/{number:int}")
    async def file(self, running: Running, mail: str, number: int) -> Response[bytes]:
        found = await _letter(running, mail)
        if not 1 <= number <= len(found.files):
            raise NotFound("the mail has no such file")
        one = found.files[number - 1]
        return _file(one.body, one.name)


def changes(version: Callable[[], Awaitable[str]], seconds: float) -> ServerSentEvent:
    """One event for each new version."""

    async def look() -> AsyncIterator[str]:
        last: str | None = None
        while True:
            current = await version()
            if last is not None and current != last:
                yield digest(current.encode())[:16]
            last = current
            await asyncio.sleep(seconds)

    return ServerSentEvent(look())


async def shown(running: Running, name: str, **context: Any) -> Template:
    """A page; every one may say when things were."""
    async with running.database.read() as tx:
        now = tx.now
    times = {
        "clock": lambda at: view.clock(at, now),
        "ago": lambda at: view.ago(at, now),
        "iso": iso,
    }
    return Template(f"mailbox/{name}.html", context={**context, **times})


def on_error(_request: Incoming, error: MailkeepError) -> Template:
    """A page that says what is wrong, for people who look with a browser."""
    return Template("mailbox/error.html", context={"error": error}, status_code=error.status)


async def _steps(tx: Tx, message: lives.Life) -> list[life.Told]:
    """What a message went through, in order."""
    seen = await events.recent(tx, life.STEPS, message.created_at, MOST_STEPS, message.id)
    return [life.sentence(one) for one in reversed(seen)]


async def _found(running: Running, shelf: Shelf, query: str) -> tuple[list[Row], int]:
    """The mails that a search finds, newest first, and how many there are at all."""
    mails = await shelf.all()
    wanted = search.terms(query)
    if not wanted:
        return [Row(one, None) for one in mails], len(mails)
    rows = await _with_known(running, [Row(one, None) for one in mails])
    return [one for one in rows if search.fits(one.mail, one.known, wanted)], len(mails)


async def _with_known(running: Running, rows: list[Row]) -> list[Row]:
    async with running.database.read() as tx:
        known = await _known(running, tx, [one.mail.message for one in rows])
    return [Row(one.mail, known.get(one.mail.message)) for one in rows]


async def _known(running: Running, tx: Tx, messages: list[str]) -> dict[str, search.Known]:
    wanted = {one for one in messages if one}
    return view.known(await queries.known(tx, wanted) if wanted else {}, running.streams)


async def _letter(running: Running, mail: str) -> Letter:
    async with running.database.read() as tx:
        caught = await queries.caught_one(tx, mail)
    return await asyncio.to_thread(letter.take_apart, caught.raw)


def _opened(raw: bytes, public_url: str) -> view.Open:
    return view.opened(letter.take_apart(raw), urlsplit(public_url).hostname or "")


def _shown_source(raw: bytes) -> str:
    return raw[: view.MAX_SHOWN].decode("utf-8", "replace").replace("\0", "\ufffd")


def _file(body: bytes, name: str) -> Response[bytes]:
    """Something to save, never to open here: what it is, the mail alone says."""
    disposition = f'attachment; filename="{letter.safe_name(name)}"'
    headers = {**NOTHING, "Content-Disposition": disposition}
    return Response(body, media_type="application/octet-stream", headers=headers)


def _link(**query: object) -> str:
    """The list with a search and a page; what is usual is left out."""
    kept = {name: value for name, value in query.items() if value and (name, value) != ("page", 1)}
    return "/mailbox" + (f"?{urlencode(kept)}" if kept else "")
