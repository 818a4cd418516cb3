"""The live display of a drill: the systems side by side, and what is going on."""

import asyncio
import time

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .record import Note
from .report_words import Words
from .scorecard import Card
from .script import Run
from .stage import Stage

_STYLES = {
    "phase": "bold",
    "attack": "yellow",
    "theft": "red",
    "customer": "cyan",
    "fault": "bold red",
    "notice": "bold blue",
    "action": "green",
    "mail": "",
}
_NARROW = 52  # columns that one system needs at least
_EVERY = 0.5


async def watch(stage: Stage, console: Console) -> None:
    """Show the drill until cancelled: redrawn on a terminal, line by line elsewhere."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            while True:
                live.update(_picture(stage, console))
                await asyncio.sleep(_EVERY)
    printed = [0] * len(stage.runs)
    phases = [""] * len(stage.runs)
    while True:
        for i, run in enumerate(stage.runs):
            if run.phase != phases[i]:
                phases[i] = run.phase
                console.print(Text(f"[{run.facts.title}] {run.phase} …", style="bold"))
            for note in run.facts.notes[printed[i] :]:
                console.print(_line(note, f"[{run.facts.title}] "), soft_wrap=True)
            printed[i] = len(run.facts.notes)
        await asyncio.sleep(_EVERY)


def _picture(stage: Stage, console: Console) -> Group:
    now = time.time() - stage.t0 if stage.t0 else 0.0
    clock = f"{now:.0f} s" if stage.t0 else "setting up"
    alone = stage.options.scenario is not None and bool(stage.runs)
    what = stage.runs[0].facts.title if alone else "8 August 2022, played in minutes"
    head = Text(f" {what}   {clock} ", style="reverse")
    across = max(1, min(len(stage.runs), console.width // _NARROW))
    rows = -(-len(stage.runs) // across)
    height = max(9, (console.height - 2) // max(1, rows))
    grid = Table.grid(expand=True)
    for _ in range(across):
        grid.add_column(ratio=1)
    for first in range(0, len(stage.runs), across):
        grid.add_row(*(_panel(run, height) for run in stage.runs[first : first + across]))
    return Group(head, grid)


def _panel(run: Run, height: int) -> Panel:
    facts = run.facts
    attempts = run.thief.attempts if run.thief else []
    acknowledged = [one for one in facts.alerts if one.acknowledged is not None]
    waiting = sum(one.arrived is None for one in acknowledged)
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_row("now", Text(_phase(run), style="bold"))
    table.add_row(
        "mail",
        f"{len(acknowledged)} taken, {len(acknowledged) - waiting} arrived, {waiting} waiting",
    )
    if facts.thief:
        stolen = sum(one.signed_in is not None for one in attempts)
        asked = sum(one.asked is not None for one in attempts)
        read = run.thief.read if run.thief else 0
        half = sum(one.half is not None for one in attempts)
        changed = sum(one.changed is not None for one in attempts)
        table.add_row("thief", f"{asked} resets asked, {read} mails read, {half} half proofs")
        table.add_row(
            "", Text(f"{changed} passwords written, {stolen} accounts entered", _bad(changed))
        )
    left = max(1, height - 3 - table.row_count)
    events = Text("\n").join(_line(note, "") for note in facts.notes[-left:])
    events.no_wrap, events.overflow = True, "ellipsis"
    return Panel(Group(table, Text(""), events), title=facts.title, height=height)


def _phase(run: Run) -> str:
    if run.phase == "signing up":
        return f"signing up through the pages: {run.prepared} of {run.facts.customers}"
    if run.phase == "everybody signs in":
        return f"everybody signs in: {run.checked} of {run.facts.customers}"
    return run.phase


def _line(note: Note, prefix: str) -> Text:
    return Text(f"{prefix}{note.at:6.1f} s  {note.text}", style=_STYLES[note.kind])


def _bad(count: int) -> str:
    return "bold red" if count else "green"


def summary(cards: list[Card], console: Console, words: Words) -> None:
    """The score in the terminal."""
    table = Table(title=f"{words.name}: the score", title_style="bold")
    table.add_column("")
    for card in cards:
        table.add_column(card.title, justify="right")
    rows = (
        (
            "accounts lost (password / authenticator)",
            [(c.lost.password, c.lost.totp) for c in cards],
        ),
        ("locked out", [(c.locked_out.password, c.locked_out.totp) for c in cards]),
        ("passwords the thief wrote", [(c.replaced.password, c.replaced.totp) for c in cards]),
    )
    for name, pairs in rows:
        table.add_row(name, *(Text(f"{a} / {b}", _bad(a + b)) for a, b in pairs))
    table.add_row(
        "mail lost, of",
        *(Text(f"{c.mail_lost} of {c.acknowledged}", _bad(c.mail_lost)) for c in cards),
    )
    table.add_row("silence noticed", *(_silence(card) for card in cards))
    table.add_row("mail flows again after", *(_seconds(card.flowing) for card in cards))
    table.add_row(
        "incident after first half proof", *(_seconds(card.named_after_half) for card in cards)
    )
    console.print(table)
    for card in cards:
        for target in card.targets:
            if target.met is False:
                value = "never" if target.value is None else f"{target.value:.1f}"
                console.print(
                    Text(
                        f"missed: {card.title}: {target.name}: {value} {target.unit}"
                        f" (at most {target.limit:.0f})",
                        style="bold red",
                    )
                )


def _seconds(value: float | None) -> str:
    if value is None:
        return "never"
    return f"{abs(value):.1f} s{' before' if value < 0 else ''}"


def _silence(card: Card) -> str:
    if card.cut_before is not None:
        return f"cut {card.cut_before:.0f} s before"
    return _seconds(card.silence_noticed)
