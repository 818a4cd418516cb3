"""``mailkeep trust``: what-if analysis of third parties: who could take what, by which path."""

import enum
from typing import Annotated

import typer

from mailkeep.app import wiring_trust
from mailkeep.base.clock import SystemClock, iso
from mailkeep.base.errors import Unavailable
from mailkeep.base.wording import counted
from mailkeep.posture import changes, queries, words
from mailkeep.posture.types import Fall, Ranked, Sets, SinglePoint
from mailkeep.posture.whatif import Model, by_party, failing

from .house import DEFAULT_HOME, Home, read, settings, sqlite_file
from .output import FOUND, Json, group, note, plain, result, table

app = group("The chain of trust: what falls if this one falls.", also={"list": "parties"})

MOST_PATHS = 40  #: capabilities that are shown with their path
NOT_ALL = 3  #: exit code of a check that passed by the settings, and could not ask the database

SettingsOnly = Annotated[
    bool,
    typer.Option("--settings-only", help="Ask no database: one account of each class is supposed."),
]


class Basis(enum.StrEnum):
    """What an answer rests on."""

    DATABASE = "database"  #: the accounts, keys and routes that there are
    SETTINGS = "settings"  #: the settings alone: nobody asked for more, or there is no more yet
    UNREACHABLE = "unreachable"  #: the settings alone, since the database could not be asked


_SUPPOSED = "one account of each class is supposed; keys, operators and mailboxes are left out."
_BASES = {
    Basis.SETTINGS: [f"By the settings alone: {_SUPPOSED}", ""],
    Basis.UNREACHABLE: [f"The database could not be asked. By the settings alone: {_SUPPOSED}", ""],
}


@app.command("whatif")
def whatif(
    parties: Annotated[str, typer.Argument(help="One party, or several with commas.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say what falls if a party falls, or several at once, and by which path."""
    model = _model(home)
    found = model.fall([one.strip() for one in parties.split(",") if one.strip()])
    lines = [*_supposed(model), *fall_lines(found)]
    result(found, "\n".join(map(plain, lines)), as_json=as_json)


@app.command("parties")
def parties(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Rank the parties by what falls with each alone, Mailkeep's own processes and keys as well."""
    model = _model(home)
    found = model.ranked()
    text = "\n".join([*_supposed(model), _ranked(found)])
    result({"parties": found, "counted_at": model.counted_at}, text, as_json=as_json)


@app.command("changes")
def what_would_help(
    settings_only: SettingsOnly = False, as_json: Json = False, home: Home = DEFAULT_HOME
) -> None:
    """Rank what single changes would buy."""
    model, basis = _built(home, settings_only=settings_only)
    if basis is Basis.DATABASE:
        model = wiring_trust.with_supposed(model)
    found = changes.ranked(model.world, model.live.today)
    lines = [
        f"{place}. {one.what}\n   {one.why}: by one party alone {one.single_before} ->"
        f" {one.single_after}, by two together {one.pairs_before} -> {one.pairs_after};"
        f" names sent as {one.names_before} -> {one.names_after}"
        for place, one in enumerate(found, start=1)
    ]
    none = ["No single change that we know of would buy anything."]
    said = _BASES.get(basis, _supposed(model))
    text = "\n".join([*said, *(lines or none)])
    document = {"changes": found, "counted_at": model.counted_at, "basis": basis}
    result(document, text, as_json=as_json)


@app.command("check")
def check(
    no_single_point: Annotated[
        bool,
        typer.Option(
            "--no-single-point",
            help="End with 1 where one party alone takes accounts; with 3 where none does by the"
            " settings, and the database could not be asked.",
        ),
    ] = False,
    catching: Annotated[
        bool,
        typer.Option("--catching", help="Count accounts too that fall when their owner signs in."),
    ] = False,
    settings_only: SettingsOnly = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """List the smallest sets of parties that take accounts; --settings-only in a build."""
    model, basis = _built(home, settings_only=settings_only)
    model = wiring_trust.with_every_class(model)
    points = model.single_points()
    bad = failing(points, catching=catching)
    smallest = model.smallest()
    document = {
        "passed": not bad,
        "failing": bad,
        "single_points": points,
        "smallest": smallest,
        "basis": basis,
    }
    text = "\n".join([*_BASES.get(basis, []), _checked(points, bad, smallest)])
    result(document, text, as_json=as_json)
    if no_single_point and bad:
        raise typer.Exit(FOUND)
    if no_single_point and basis is Basis.UNREACHABLE:
        raise typer.Exit(NOT_ALL)


def _model(home: Home) -> Model:
    """The model of a home."""
    house = wiring_trust.house(settings(home))
    return wiring_trust.with_supposed(read(home, lambda tx: queries.model(tx, house)))


def _built(home: Home, *, settings_only: bool) -> tuple[Model, Basis]:
    """The model of a home as a build sees it: of its settings alone where the database is not asked
    for, is not there yet, or cannot be reached."""
    known = settings(home)
    house = wiring_trust.house(known)
    basis = Basis.SETTINGS
    if not settings_only:
        file = sqlite_file(known.database_url(home))
        if file is None or file.exists():
            try:
                return read(home, lambda tx: queries.model(tx, house)), Basis.DATABASE
            except (Unavailable, OSError) as error:
                note(f"The database cannot be asked: {error}")
                basis = Basis.UNREACHABLE
    return wiring_trust.supposed(house, iso(SystemClock().now())[:10]), basis


def _supposed(model: Model) -> list[str]:
    """What to know first of an answer that rests on no account."""
    if model.counted_at or not model.live.groups:
        return []
    return ["Nobody has an account here yet: one of each class is supposed.", ""]


def fall_lines(one: Fall) -> list[str]:
    """What falls, for people."""
    alone = len(one.names) == 1
    fall, it, who = ("falls", "it", "it") if alone else ("fall", "them", "they")
    lines = [f"If {' and '.join(one.names)} {fall}:", ""]
    lines.append(
        f"Accounts: {one.now} at once, {one.held} after a hold that their owners can stop,"
        f" {one.caught} when their owners sign in meanwhile."
    )
    for taken in one.accounts:
        if taken.accounts:
            lines.append(
                f"  {taken.accounts} of class {taken.account_class}"
                f"{' of an application' if taken.application else ''}, factor {taken.factor},"
                f" at {taken.mailbox}: {words.HOWS[taken.how]}"
            )
            lines += [f"    - {step}" for step in taken.path]
    for entry in one.register:
        lines += [f"{entry.name}, {what}" for what in words.entry_words(entry)]
    by = ", ".join(one.exposed_by) or "nobody"
    lines.append(f"Addresses given to {it}: {one.exposed} (through {by}).")
    lines += ["", f"What {who} could do:"]
    if not one.gained:
        lines[-1] = f"{who.capitalize()} could do nothing that we know of."
    for gained in one.gained[:MOST_PATHS]:
        lines.append(f"  {gained.says}")
        lines += [f"    - {step}" for step in gained.path]
    if len(one.gained) > MOST_PATHS:
        lines.append(f"  and {len(one.gained) - MOST_PATHS} more (--json has them all)")
    lines += ["", "Streams:" if one.streams else "No stream would be touched."]
    for stream in one.streams:
        left = ", ".join(stream.left)
        lines.append(f"  {stream.stream}: " + (f"still carried by {left}" if left else "stops"))
    lines += ["", f"Recovery: {one.recovery}"]
    lines += [f"  {a} and {b}" for a, b in one.routes_left]
    lines += ["", "Who would see it:"]
    for seen in one.seen:
        on = [watcher for watcher in seen.watchers if not watcher.off]
        lines.append(f"  {seen.act}: {'' if on else 'nobody. '}{seen.blind}".rstrip())
        lines += [f"    {words.watcher_words(watcher)}" for watcher in seen.watchers]
    lines += ["", "Playbook: " + (", ".join(one.playbook) or words.NO_PLAYBOOK)]
    return lines


def _ranked(found: list[Ranked]) -> str:
    rows = [["party", "kind", "at once", "held", "signing in", "addresses", "stops"]]
    rows += [
        [
            one.party,
            one.kind,
            str(one.now),
            str(one.held),
            str(one.caught),
            str(one.exposed),
            ", ".join(one.stops) or "-",
        ]
        for one in found
    ]
    return table(rows, "There is no party.")


def _checked(points: list[SinglePoint], bad: list[SinglePoint], smallest: list[Sets]) -> str:
    lines = []
    for party, some in by_party(bad).items():
        one = some[0]
        lines.append(f"SINGLE POINT {party}: {one.name} alone takes accounts {_kinds(some)}.")
        lines += [f"    - {step}" for step in one.path]
    for party, some in by_party(point for point in points if point not in bad).items():
        why = f"accepted: {some[0].accepted}" if some[0].accepted else _why(some[0])
        lines.append(f"does not fail: {party}, accounts {_kinds(some)}: {why}")
    rows = [["class", "factor", "falls", "parties", "sets", "for example"]]
    rows += [
        [
            one.account_class,
            one.factor,
            words.HOWS[one.how],
            str(one.size or f"over {one.looked}"),
            str(one.count),
            " + ".join(one.sets[0]) if one.sets else "-",
        ]
        for one in smallest
    ]
    lines.append(table(rows, "There is no account."))
    many = len(by_party(bad))
    lines.append(f"{counted(many, 'single point')} of takeover." if bad else "No single point.")
    if bad:
        lines.append(
            "`mailkeep trust changes` says what would help. What you bear for a time:"
            " [[trust.accept]] with party, reason and until, also for whoever owns it."
        )
    return "\n".join(lines)


def _why(one: SinglePoint) -> str:
    if one.customers:
        return "its customers' mailboxes; a second factor answers it"
    return "not at once, and counted with --catching"


def _kinds(points: list[SinglePoint]) -> str:
    """Classes by how they fall: "of class customer, staff at once"."""
    by: dict[str, dict[str, None]] = {}
    for one in points:
        by.setdefault(words.HOWS[one.how], {})[one.account_class] = None
    return "of class " + "; ".join(f"{', '.join(some)} {how}" for how, some in by.items())
