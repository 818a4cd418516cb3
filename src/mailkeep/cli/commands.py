"""The registry of commands, each imported only when it is called, so that start-up is fast.

Whoever looks something up at three in the morning does not wait for the web framework, the
authenticators' certificates and the resolver, which that command does not use.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer._click import Command, Context, HelpFormatter

from .output import Group, group


class Place(NamedTuple):
    """Where a command is, or a group of them.

    Attributes:
        within: the module of this package, and the name in it.
        words: what it is for, as its own help begins.
        joined: commands of other modules that stand in the group.
    """

    within: str
    words: str
    joined: Mapping[str, str] = {}


COMMANDS = {
    "up": Place("up:up", "Start Mailkeep."),
    "send": Place(
        "send:send", "Hand a mail in to a running Mailkeep (MAILKEEP_URL, MAILKEEP_KEY)."
    ),
    "messages": Place("messages:app", "Messages: which there are, and what became of one."),
    "events": Place(
        "events:app", "Delivery events: what applications are told of messages, and how far."
    ),
    "suppressions": Place(
        "suppressions:app", "Our own list of addresses that some mail is held back from."
    ),
    "doctor": Place(
        "doctor:doctor",
        "Check everything before a route carries mail; ends with 1 where something failed.",
    ),
    "incidents": Place(
        "incidents:app",
        "Incidents: what may be going on.",
        {
            "open": "opening:begin",
            "window": "opening:window",
            "regulator": "opening:regulator",
            "take": "pagers:take",
            "merge": "pagers:merge",
            "split": "pagers:split",
            "preview": "acting:preview",
            "apply": "acting:apply",
            "undo": "acting:undo",
            "stop": "acting:stop",
            "requests": "acting:requests",
            "approve": "acting:approve",
            "refuse": "acting:refuse",
            "exposed": "exposed:exposed",
            "accounts": "touched:accounts",
            "notices": "notices:notices",
            "note": "closing:note",
            "report": "closing:written",
            "close": "closing:close",
            "evidence": "evidence:take",
            "verify": "evidence:verify",
        },
    ),
    "providers": Place(
        "providers:app",
        "Providers: which there are; cut one off, let one rest, restore it.",
        {"posture": "posture:show", "expect": "posture:expect", "accept": "posture:accept"},
    ),
    "cutover": Place(
        "cutover:app", "Move mail from one provider to another, step by step or at once."
    ),
    "offboard": Place("offboard:app", "Leave a provider for good: what is to be done, and when."),
    "watch": Place(
        "watch:app",
        "What may be going on; the log again, measured and tuned.",
        {
            "measure": "measuring:measure",
            "tune": "measuring:tune",
            "silence": "silence:silence",
            "report": "reports:report",
            "reports": "reports:reports",
            "lookalikes": "reports:lookalikes",
            "copies": "copies:copies",
            "abuse": "reports:abuse",
            "claim": "reports:claim",
            "consoles": "consoles:consoles",
            "bring": "consoles:bring",
            "accept": "consoles:accept",
            "follow": "feeds:follow",
            "feeds": "feeds:feeds",
        },
    ),
    "trust": Place(
        "trust:app",
        "The chain of trust: what falls if this one falls.",
        {"model": "threats:model", "models": "threats:models", "diff": "threats:difference"},
    ),
    "pagers": Place("pagers:app", "Pagers: who is woken when an incident opens."),
    "accounts": Place("accounts:app", "Accounts: looked at, given a class, signed out."),
    "recoveries": Place("recoveries:app", "Recoveries: how they went, by pseudonymous ids."),
    "operators": Place(
        "accounts:operators_app",
        "Operators: the accounts of those who run this Mailkeep.",
        {"present": "operators:present", "end": "operators:end"},
    ),
    "factors": Place(
        "factors:app", "Second factors: how many accounts have one, and which are exempt."
    ),
    "applications": Place(
        "applications:app", "Applications that recover their users here, or have them kept here."
    ),
    "receivers": Place("receivers:app", "Services that are told of security events."),
    "keys": Place("keys:app", "API keys."),
    "signing": Place("signing:app", "Keys that sign security events and ID tokens."),
    "privacy": Place("privacy:app", "What is kept about one person: handed out, erased, or held."),
    "audit": Place("audit:app", "The audit log: a hash chain with a signed head."),
    "backup": Place(
        "backup:backup",
        "Back up the database and the settings while Mailkeep runs; never the hourly keys.",
    ),
    "export": Place(
        "export:export",
        "Write everything out in open formats: JSON Lines with a manifest and hashes.",
    ),
    "restore": Place(
        "backup:restore",
        "Put a backup in the place of the database of a Mailkeep that does not run.",
    ),
    "bench": Place("bench:bench", "Measure what this machine and the home's disk can do."),
}


class Later(Group):
    """The commands of the table, each imported when it is asked for."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Imported()  # type: ignore[assignment]  # nothing is added to it

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The list in the help: nothing is imported for it."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.words) for name, place in COMMANDS.items()])


class _Imported(Mapping[str, Command]):
    def __getitem__(self, name: str) -> Command:
        return _command(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


@cache
def _command(name: str) -> Command:
    place = COMMANDS[name]
    found = _imported(place.within)
    if not isinstance(found, typer.Typer):
        alone = group(place.words)
        alone.command(name)(found)
        return typer.main.get_command(alone)
    for under, within in place.joined.items():
        found.command(under)(_imported(within))
    return typer.main.get_command(found)


def _imported(within: str) -> Any:
    module, _, name = within.partition(":")
    return getattr(import_module(f"{__package__}.{module}"), name)
