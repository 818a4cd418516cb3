"""Rows: the rate of durable accepts, while mail is delivered."""

from collections.abc import Awaitable, Callable

from mailkeep_bench.bench import Bench, warm
from mailkeep_bench.mailkeep import Mailkeep, Stream, Wanted
from mailkeep_bench.postfix import Postfix
from mailkeep_bench.results import Row

from .absent import or_absent

BATCH = 100


def _wanted(bench: Bench, submission: bool = False) -> Wanted:
    sink = int(bench.sink.ready["smtp"])
    return Wanted((Stream("mail", "smtp", sink),), submission=submission)


async def _rounds(
    bench: Bench, row: Row, ours: Callable[[Mailkeep], Awaitable[None]], wanted: Wanted
) -> None:
    """Rounds of both systems in turn."""
    async with bench.mailkeep(row.name, wanted) as mailkeep, bench.postfix(row.name) as postfix:
        await _warm(bench, mailkeep, postfix)
        for _ in range(bench.options.rounds):
            await ours(mailkeep)
            if postfix is not None:
                await bench.accepting(
                    row,
                    "postfix",
                    postfix.pid,
                    bench.smtp,
                    port=postfix.port,
                    messages=bench.options.messages,
                    connections=bench.options.sessions,
                )


async def _warm(bench: Bench, mailkeep: Mailkeep, postfix: Postfix | None) -> None:
    round_ = bench.round()
    found = await bench.load(
        bench.http, port=mailkeep.port, key=mailkeep.key, stream="mail", round=round_, **warm()
    )
    await bench.drained(bench.sink, round_, found, "first messages")
    if postfix is not None:
        round_ = bench.round()
        found = await bench.load(bench.smtp, port=postfix.port, round=round_, **warm())
        await bench.drained(bench.sink, round_, found, "first messages")


async def _http(bench: Bench, row: Row, batch: int) -> None:
    async def ours(mailkeep: Mailkeep) -> None:
        await bench.accepting(
            row,
            "mailkeep",
            mailkeep.pid,
            bench.http,
            port=mailkeep.port,
            key=mailkeep.key,
            stream="mail",
            batch=batch,
            messages=bench.options.messages * (5 if batch else 1),
            connections=8 if batch else bench.options.connections,
        )

    await _rounds(bench, row, ours, _wanted(bench))


async def http_accept(bench: Bench, row: Row) -> None:
    """One message a request."""
    await _http(bench, row, 0)


async def http_batch(bench: Bench, row: Row) -> None:
    """A hundred messages a request."""
    await _http(bench, row, BATCH)


async def smtp_accept(bench: Bench, row: Row) -> None:
    """Submission with kept sessions, without TLS."""

    async def ours(mailkeep: Mailkeep) -> None:
        await bench.accepting(
            row,
            "mailkeep",
            mailkeep.pid,
            bench.smtp,
            port=mailkeep.submission,
            key=mailkeep.key,
            stream="mail",
            messages=bench.options.messages,
            connections=bench.options.sessions,
        )

    async with or_absent(row, "submission", "this Mailkeep has no [submission] in production"):
        await _rounds(bench, row, ours, _wanted(bench, submission=True))
