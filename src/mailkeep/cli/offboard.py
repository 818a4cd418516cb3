"""``mailkeep offboard``: leave a provider for good, by a checklist. Every act goes into the audit
log."""

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mailkeep.app import provider_data_deletion, wiring_cutover, wiring_trust
from mailkeep.app.doctor.resolver import resolver
from mailkeep.app.left_providers import suspects as suspected
from mailkeep.app.offboarding_looks import Ticking
from mailkeep.app.provider_keys import keyrings
from mailkeep.app.settings import Settings
from mailkeep.base.clock import SystemClock, iso, when
from mailkeep.base.errors import BadSettings, Conflict, MailkeepError, NotFound, Unavailable
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import counted
from mailkeep.cutover import offboarding
from mailkeep.cutover.checklist import Leaving, checklist
from mailkeep.cutover.looks import noted
from mailkeep.cutover.offboarding import Offboarding, OffboardingView
from mailkeep.mail import queries as mail
from mailkeep.providers.posture.types import AccountConfig, Trouble
from mailkeep.response.keeping import take_turn
from mailkeep.response.keysmith import Keysmith
from mailkeep.store.database import Database, Tx
from mailkeep.watch.collectors.posture import carrier, session

from .house import (
    CONFIRM,
    DEFAULT_HOME,
    Home,
    Reason,
    at_length,
    in_development,
    operator,
    provider,
    read,
    settings,
    write,
)
from .output import Json, Progress, group, plain, result, table

app = group("Leave a provider for good: what is to be done, and when.", also={"list": "status"})

Name = Annotated[str, typer.Argument(metavar="PROVIDER", help="Its name in the settings.")]
Hostile = Annotated[
    bool, typer.Option("--hostile", help="It may be in an attacker's hands: nothing waits.")
]


@app.command()
def plan(
    name: Name, hostile: Hostile = False, as_json: Json = False, home: Home = DEFAULT_HOME
) -> None:
    """Show the list with its dates. Nothing is written down, nothing is done."""
    items = checklist(_leaving(home, name), SystemClock().now(), hostile=hostile)
    known = settings(home)

    house = wiring_cutover.house(known, SystemClock())

    warnings = read(home, lambda tx: offboarding.warnings(tx, house, name, hostile=hostile))
    rows = [("due", "by", "item", "what")]
    rows += [(iso(one.due_at)[:10], one.how.value, one.name, one.text) for one in items]
    documents = [
        {"name": one.name, "how": one.how.value, "text": one.text, "due_at": iso(one.due_at)}
        for one in items
    ]
    said = {"provider": name, "hostile": hostile, "items": documents, "warnings": warnings}
    text = "\n".join([table(rows, ""), *(plain(f"! {one}") for one in warnings)])
    result(said, text, as_json=as_json)


@app.command()
def start(
    name: Name,
    hostile: Hostile = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Though recovery keeps no two independent routes.")
    ] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Begin to leave it. A hostile one is cut off and believed no word, now."""
    from mailkeep.response import hands

    leaving = _leaving(home, name)
    known = settings(home)
    suspects = suspected(known, wiring_trust.graph(known, SystemClock()))

    async def work(database: Database, tx: Tx) -> tuple[OffboardingView, list[str]]:
        await take_turn(tx)
        stood = name not in await mail.cut(tx)
        left = await hands.would_leave(tx, suspects, known.streams(), name)
        rooms = Offboarding(database, wiring_cutover.house(known, database.clock))
        begun = await rooms.start(tx, leaving, hostile=hostile, by=operator(), anyway=anyway)
        if not (hostile and stood):
            return begun, []
        # A cut by hand as any other: told, and confirmed by a second person.
        why = "left as hostile"
        await hands.cut_here(tx, known.response, name, by=operator(), why=why)
        second = [CONFIRM.format(name)] if hands.is_for_two(known.response) else []
        return begun, [*left.warnings, *second]

    begun, warnings = write(home, work)
    text = "\n".join([_told(begun), *(plain(f"! {one}") for one in warnings)])
    result(_document(begun) | {"warnings": warnings}, text, as_json=as_json)


@app.command()
def status(
    name: Annotated[
        str | None, typer.Argument(metavar="[PROVIDER]", help="One of them; all without.")
    ] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show what is done and what is due."""

    async def work(tx: Tx) -> tuple[list[OffboardingView], dict[str, int]]:
        return await offboarding.listing(tx), await mail.exposed_to_each(tx)

    found, exposed = read(home, work)
    if name is not None:
        found = [one for one in found if one.provider == name]
        if not found:
            raise NotFound(f"{name} is not being left")
    documents, texts = [], []
    for one in found:
        knows = exposed.get(one.provider, 0)
        documents.append({**_document(one), "exposed": knows})
        texts.append(f"{_told(one)}\n{plain(one.provider)} was given {_addresses(knows)} so far.")
    text = "\n\n".join(texts) or "No provider is being left."
    result({"offboardings": documents}, text, as_json=as_json)


@app.command()
def done(
    name: Name,
    item: Annotated[str, typer.Argument(help="As `status` names it.")],
    note: Annotated[str, typer.Option(help="Who did it, where it is written down.")] = "",
    ask: Annotated[
        str | None, typer.Option("--resolver", help="Ask the DNS server at ADDRESS:PORT.")
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Though it is seen that it is not done.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody outside.")] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say that an item is done that a person does. It is looked whether it is, where that can be
    seen: DNS, the settings, our account there, our key. Where it cannot, --note is needed."""
    known = settings(home)
    why = "you said --offline" if offline else ""
    if in_development(home):
        why = "in development nobody outside is asked"

    async def work(database: Database) -> OffboardingView:
        looks = Ticking(known, database, KeyRing(home), ask=lambda: resolver(ask), offline=why)
        rooms = Offboarding(database, wiring_cutover.house(known, database.clock))
        async with database.read() as tx:
            found = await offboarding.view(tx, name)
        if found is None:
            raise NotFound(f"{name} is not being left")
        offboarding.by_hand(found, item)
        seen = await looks.look(found, item)
        if seen.stands and not anyway:
            raise Conflict(
                f"{seen.stands}: see to it, and wait until that is seen; or say so all the same"
                " with --anyway"
            )

        async def tick(tx: Tx) -> OffboardingView:
            return await rooms.done(tx, name, item, by=operator(), note=noted(seen, note))

        return await database.retrying(tick)

    _say(at_length(home, work), as_json=as_json)


@app.command()
def stop(
    name: Name,
    reason: Reason,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Leave it no more: the list goes, and its word counts again. Not while it is cut off."""
    known = settings(home)

    async def work(database: Database, tx: Tx) -> bool:
        rooms = Offboarding(database, wiring_cutover.house(known, database.clock))
        return await rooms.stop(tx, name, by=operator(), reason=reason)

    again = write(home, work)
    text = f"The list of {name} is gone{'; its word counts again' if again else ''}."
    document = {"provider": name, "left": False, "believed_again": again}
    result(document, plain(text), as_json=as_json)


@app.command()
def keys(name: Name, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Revoke the key that we send with by the provider's API, where it has one that we speak."""
    provider(home, name)
    known = settings(home)
    holder = keyrings(known.provider)[name]
    if not holder.able:
        raise Conflict(holder.by_hand)
    _alone(known, name)
    smith = Keysmith(holder)

    async def work(database: Database) -> OffboardingView:
        rooms = Offboarding(database, wiring_cutover.house(known, database.clock))
        await database.retrying(lambda tx: rooms.ready(tx, name, "keys"))
        key = smith.in_use()
        await smith.revoke(key)  # that it is gone already is as good: a kill costs nothing

        async def tick(tx: Tx) -> OffboardingView:
            return await rooms.done(tx, name, "keys", by=operator(), note=f"revoked {key}")

        return await database.retrying(tick)

    _say(at_length(home, work), as_json=as_json)


@app.command()
def empty(
    name: Name,
    key: Annotated[
        str,
        typer.Option(help="Where a key is that may delete there: env:NAME or file:PATH."),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Delete; else it is only shown.")] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Delete by the provider's API what our account holds there, as far as it is due."""
    provider(home, name)
    known = settings(home)
    config = provider_data_deletion.account(known, name, key)
    _alone(known, name)

    async def may(database: Database, tx: Tx) -> OffboardingView:
        rooms = Offboarding(database, wiring_cutover.house(known, database.clock))
        return await rooms.ready(tx, name)

    found = write(home, may)
    now = SystemClock().now()
    held = set(provider_data_deletion.ITEMS.values())
    dates = {one.name: one.due_at for one in found.items if one.name in held}
    due = {name for name, at in dates.items() if at <= now}
    if not due:
        first = f" before {iso(min(dates.values()))[:10]}" if dates else ""
        raise Conflict(f"nothing that it holds is due{first}: see `mailkeep offboard status`")
    said = asyncio.run(_emptied(config, due, delete=yes, quiet=as_json))
    if yes:
        gone = [one.name for one in found.items if one.done_at is None and one.name in said.gone]

        async def tick(database: Database) -> None:
            rooms = Offboarding(database, wiring_cutover.house(known, database.clock))
            for item in gone:

                async def work(tx: Tx, item: str = item) -> OffboardingView:
                    note = "emptied by its API"
                    return await rooms.done(tx, name, item, by=operator(), note=note)

                await database.retrying(work)

        at_length(home, tick)
    if not said.held.read:
        raise _refusal(name, set(said.held.unread.values()))
    result(said.document(name), said.text(name), as_json=as_json)
    if said.failed:
        raise _refusal(name, {Trouble(why) for why in said.failed})


def _refusal(name: str, whys: set[Trouble]) -> MailkeepError:
    """Why not all that was asked for is seen, or done."""
    if Trouble.REFUSED in whys:
        return BadSettings(
            f"{name} does not take the key, or the key may not do this: make one there that may,"
            " and say with --key where it is"
        )
    said = ", ".join(sorted(why.value.replace("_", " ") for why in whys))
    return Unavailable(f"{name} did not answer as it should ({said}): begin again")


class _Said(msgspec.Struct, frozen=True):
    """What was found, or done."""

    held: provider_data_deletion.Held
    deleted: bool
    failed: dict[str, int]
    gone: frozenset[str]

    def document(self, name: str) -> dict[str, object]:
        return {
            "provider": name,
            "deleted": self.deleted,
            "goes": self.held.counted(),
            "by_hand": dict(self.held.stays),
            "not_read": {which: why.value for which, why in self.held.unread.items()},
            "failed": self.failed,
            "empty": sorted(self.gone),
        }

    def text(self, name: str) -> str:
        verb = "Deleted, or tried to" if self.deleted else "Would be deleted (--yes does it)"
        goes = ", ".join(f"{n} {item}" for item, n in sorted(self.held.counted().items()))
        lines = [f"{verb}, at {name}: {goes or 'nothing'}."]
        lines += [f"  {n} not deleted: {why}" for why, n in sorted(self.failed.items())]
        lines += [f"  by hand: {n} of {item}" for item, n in sorted(self.held.stays.items())]
        lines += [f"  not read: {one} ({why.value})" for one, why in self.held.unread.items()]
        lines += [f"  gone, and ticked off: {item}" for item in sorted(self.gone)]
        return "\n".join(lines)


async def _emptied(config: AccountConfig, items: set[str], *, delete: bool, quiet: bool) -> _Said:
    progress = Progress(f"reading the account {config.name}", quiet=quiet)
    clock = SystemClock()
    async with session() as http:
        carry = carrier(http)
        held = await provider_data_deletion.look(config, carry, clock, items)
        if not delete:
            return _Said(held, False, {}, frozenset())
        progress.say(f"deleting {len(held.goes)} …")
        failed = await provider_data_deletion.empty(config, held, carry, progress.at)
        left = await provider_data_deletion.look(config, carry, clock, items)
    gone = frozenset(one for one in items & provider_data_deletion.WHOLE if left.is_empty(one))
    return _Said(held, True, {why.value: n for why, n in failed.items()}, gone)


def _alone(known: Settings, name: str) -> None:
    """That no other table is of the same account. Raises ``Conflict``."""
    where = {one.name: one.secret for one in known.provider if one.secret is not None}
    if others := [one for one in where if one != name and where[one] == where.get(name)]:
        raise Conflict(f"{', '.join(others)} sends with the same key: give it one of its own first")


def _leaving(home: Path, name: str) -> Leaving:
    provider(home, name)
    known, keys = settings(home), KeyRing(home)
    return read(home, lambda tx: wiring_cutover.leaving(tx, known, keys, name))


def _say(view: OffboardingView, *, as_json: bool) -> None:
    result(_document(view), _told(view), as_json=as_json)


def _document(view: OffboardingView) -> dict[str, object]:
    return {
        "provider": view.provider,
        "hostile": view.hostile,
        "started_at": iso(view.started_at),
        "done_at": when(view.done_at),
        "items": [
            {
                "name": one.name,
                "how": one.how.value,
                "text": one.text,
                "due_at": iso(one.due_at),
                "done_at": when(one.done_at),
                "done_by": one.done_by,
                "note": one.note,
            }
            for one in view.items
        ],
    }


def _addresses(count: int) -> str:
    return counted(count, "address", "addresses")


def _told(view: OffboardingView) -> str:
    left = sum(one.done_at is None for one in view.items)
    how = "hostile" if view.hostile else "in peace"
    rows = [("due", "done", "by", "item", "what")]
    rows += [
        (
            iso(one.due_at)[:10],
            "-" if one.done_at is None else iso(one.done_at)[:10],
            one.how.value,
            one.name,
            one.text + (f" ({one.note})" if one.note else ""),
        )
        for one in view.items
    ]
    head = f"{view.provider} is left ({how}); {counted(left, 'item is', 'items are')} open."
    return f"{plain(head)}\n{table(rows, '')}"
