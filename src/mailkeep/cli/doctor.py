"""``mailkeep doctor``: configuration and health checks, each failure with the next step."""

import asyncio
from pathlib import Path
from typing import Annotated

import structlog
import typer

from mailkeep.app.doctor.look import examine
from mailkeep.app.doctor.resolver import resolver
from mailkeep.app.doctor.types import Finding, State
from mailkeep.app.settings import Settings
from mailkeep.base import addresses
from mailkeep.base.errors import BadSettings, Invalid

from .house import DEFAULT_HOME, Home, in_development, settings
from .output import FOUND, Json, Progress, plain, result

log = structlog.get_logger(__name__)

#: In the order in which they are told.
_WORDS = {
    State.OK: "ok",
    State.NOT_CHECKED: "not checked",
    State.WARNING: "WARNING",
    State.FAILED: "FAILED",
}


def doctor(
    domain: Annotated[
        list[str] | None, typer.Option(help="A domain that you send as; may be repeated.")
    ] = None,
    ask: Annotated[
        str | None, typer.Option("--resolver", help="Ask the DNS server at ADDRESS:PORT.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody outside.")] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Check everything before a route carries mail; ends with 1 where something failed."""
    found: Settings | None = None
    error = ""
    try:
        found = settings(home)
    except BadSettings as bad:
        error = str(bad)
    names = tuple(_domain(one) for one in domain or ())
    Progress("looking", quiet=as_json)

    async def run() -> list[Finding]:
        return await examine(
            home,
            found,
            error=error,
            resolver=None if offline else resolver(ask),
            offline="you said --offline" if offline else "",
            development=in_development(home),
            senders=names,
        )

    findings = asyncio.run(run())
    counts = {one.value: sum(each.state is one for each in findings) for one in State}
    document = {"healthy": not counts[State.FAILED], "counts": counts, "checks": findings}
    result(document, told(findings, counts), as_json=as_json)
    if counts[State.FAILED]:
        raise typer.Exit(FOUND)


async def at_start(home: Path, known: Settings) -> None:
    """Put what is not right into the log of a start, which it neither holds up nor refuses."""
    try:
        ask = resolver(None)
    except BadSettings:
        ask = None
    try:
        findings = await examine(home, known, resolver=ask)
    except Exception:
        log.exception("doctor.failed")  # our own fault, and no reason not to carry mail
        return
    for one in findings:
        if one.state in {State.WARNING, State.FAILED}:
            log.warning(
                f"doctor.{one.id}",
                state=one.state.value,
                about=one.about,
                meaning=one.meaning,
                next=one.next,
            )


def told(findings: list[Finding], counts: dict[str, int]) -> str:
    """What is well, what was not looked at, what is not well: the worst comes last, where the eye
    is when it is over. What was not looked at for one and the same reason is one line."""
    unseen: dict[str, list[str]] = {}
    for one in findings:
        if one.state is State.NOT_CHECKED:
            unseen.setdefault(one.meaning, []).append(_named(one))
    lines: list[str] = []
    for state, word in _WORDS.items():
        if state is State.NOT_CHECKED:
            lines += [f"[{word}] {', '.join(them)}: {why}" for why, them in unseen.items()]
            continue
        for one in findings:
            if one.state is state:
                lines.append(f"[{word}] {_named(one)}: {one.meaning}")
                lines += [f"    next: {one.next}"] if one.next else []
    lines += ["", ", ".join(f"{count} {word}" for word, count in counts.items())]
    return "\n".join(map(plain, lines))


def _named(one: Finding) -> str:
    return f"{one.id} ({one.about})" if one.about else one.id


def _domain(text: str) -> str:
    try:
        return addresses.domain(addresses.parse(f"x@{text}"))
    except Invalid as error:
        raise Invalid(f"{text!r} is not a domain", field="--domain") from error
