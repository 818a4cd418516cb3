"""Output of commands: the result on standard output, everything else on standard error.

With ``--json`` standard output carries JSON and nothing else, and an error is one JSON object on
standard error. Otherwise the output is plain lines: nothing is wrapped, drawn or shown by colour
alone, so that a pipe, a search and a screen reader get the same as the eye.

Security: text from providers and people is stripped of terminal control characters.
"""

import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, ClassVar

import msgspec
import typer
from typer._click import Command, Context
from typer.core import TyperGroup

from mailkeep.base.wording import nearest
from mailkeep.incidents.words import obeyed

FINE, FOUND, MISTAKE = 0, 1, 2  #: exit codes: all is well; something is wrong; the call was
#: What a terminal obeys (``obeyed``), line breaks and tabs aside.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
EVERY_SECONDS = 2.0  #: how often a long work says how far it is
_WIDE = 1000
_ALIKE = 0.7  #: that a word is like a command, to be taken for it misspelt: 'list' is not 'split'

Json = Annotated[bool, typer.Option("--json", help="Say it as JSON.")]


class Group(TyperGroup):
    """A group that says which commands there are where somebody asked for one that there is not.

    Attributes:
        also: further words for its commands, which the help does not list.
    """

    also: ClassVar[Mapping[str, str]] = {}
    suggest_commands = False  # typer's own finds 'split' near to 'list'

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """The command that the words name. Raises a usage error that names those that there are."""
        word = args[0]
        name = self.also.get(word, word)
        if not word.startswith("-") and self.get_command(ctx, name) is None:
            ctx.fail(
                f"{ctx.command_path!r} has no {word!r}{nearest(word, self.commands, like=_ALIKE)}"
            )
        return super().resolve_command(ctx, [name, *args[1:]])


def group(
    words: str,
    *,
    alone: bool = False,
    also: Mapping[str, str] | None = None,
    of: type[Group] = Group,
) -> typer.Typer:
    """A group of commands whose help is plain text.

    Args:
        alone: the group's own name is a command as well.
        also: further words for its commands, as ``{"list": "parties"}``.
        of: how it finds its commands.
    """
    return typer.Typer(
        cls=type(of.__name__, (of,), {"also": also}) if also else of,
        no_args_is_help=not alone,
        invoke_without_command=alone,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        # A pipe has no width; without one, lines of help would be cut off at 80 columns.
        context_settings={"terminal_width": None if sys.stdout.isatty() else _WIDE},
        help=words,
    )


def result(document: object, text: str, *, as_json: bool) -> None:
    """What the command was asked for.

    Args:
        document: as JSON; instants in it as ``base.clock.when`` writes them.
        text: the same in words.
    """
    if as_json:
        # In JSON such a character stands in a string only, where it can be written out.
        line = _OBEYED.sub(_written_out, msgspec.json.encode(document).decode())
    else:
        line = _OBEYED.sub("", text)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _written_out(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def note(text: str) -> None:
    """A word beside the result, for whoever waits or reads along."""
    sys.stderr.write(plain(text) + "\n")
    sys.stderr.flush()


def plain(text: str) -> str:
    """A line without what a terminal obeys, and without line breaks of its own."""
    return "".join(one for one in text.replace("\n", " ").replace("\t", " ") if not obeyed(one))


def table(rows: Iterable[Sequence[str]], none: str) -> str:
    """Rows in columns that are two spaces apart; ``none`` when there is no row."""
    lines = [[plain(cell) for cell in row] for row in rows]
    if not lines:
        return none
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


class Progress:
    """Says how far a long work is: a line now and then, each a whole one; never with ``--json``.

    A bar that is painted over and over is noise to a screen reader and to a log.

    Args:
        what: the work, as "copying the database".
    """

    def __init__(self, what: str, *, quiet: bool) -> None:
        self._what = what
        self._quiet = quiet
        self._said = time.monotonic()
        self.say(f"{what} …")

    def say(self, text: str) -> None:
        """A line, at once."""
        if not self._quiet:
            note(text)

    def at(self, done: int, whole: int) -> None:
        """How far it is; said when it was not for a while."""
        now = time.monotonic()
        if now - self._said >= EVERY_SECONDS and whole:
            self._said = now
            self.say(f"{self._what}: {100 * done // whole}%")
