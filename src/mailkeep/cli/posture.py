"""``mailkeep providers posture``, ``expect``, ``accept``: our accounts at providers, and their
changes.

Changes are shown with their values, people's addresses among them: whoever runs the command has the
home and its keys. ``expect`` and ``accept`` go into the audit log.
"""

import re
from typing import Annotated

import typer

from mailkeep.app import wiring_posture as settings_of
from mailkeep.app.settings import Settings
from mailkeep.base.clock import iso, readable, when
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import counted, nearest
from mailkeep.providers.posture import registry
from mailkeep.providers.posture.types import Kind
from mailkeep.store.database import Database, Tx
from mailkeep.watch import posture
from mailkeep.watch.posture import ChangeView, Expected, View

from .house import DEFAULT_HOME, Home, Reason, operator, read, settings, write
from .output import Json, plain, result, table
from .providers import Name

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(\d{1,6})([smhd])")
MOST_LINES = 20  #: changes that are shown


def show(name: Name, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Say what our account at a provider holds, what changed in it, and what nobody can see."""
    kind = _kind(settings(home), name)
    found = read(home, lambda tx: posture.view(tx, KeyRing(home), name))
    result(document(found, kind), _text(found, kind), as_json=as_json)


def expect(
    name: Name,
    kind: Annotated[Kind, typer.Option(help="Of which sort the change will be.")],
    reason: Reason,
    span: Annotated[
        str, typer.Option("--for", help="How long it holds: 30m, 1h, 2d; a week at most.")
    ] = "1h",
    changes: Annotated[int, typer.Option(min=1, help="For how many changes it is good.")] = 1,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Announce a change that you are about to make in our account at a provider."""
    known = settings(home)
    if name not in {party for one in known.console_log for party in one.parties.values()}:
        _kind(known, name)
    seconds = _seconds(span)

    async def work(_database: Database, tx: Tx) -> Expected:
        return await posture.expect(
            tx, name, kind, seconds=seconds, changes=changes, by=operator(), reason=reason
        )

    made = write(home, work)
    of = f"of {name}, {made.kind},"
    many = counted(made.left, f"change {of} is", f"changes {of} are")
    text = f"{many} expected until {readable(made.until)}."
    result({"provider": name, **_expected(made)}, text, as_json=as_json)


def accept(
    name: Name,
    reason: Reason,
    change: Annotated[
        list[str] | None, typer.Option(help="Of which change; repeatable. All that are open else.")
    ] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say that changes in our account at a provider were our own."""
    _kind(settings(home), name)

    async def work(database: Database, tx: Tx) -> tuple[str, ...]:
        return await posture.accept(database, tx, name, change or (), by=operator(), reason=reason)

    done = write(home, work)
    many = counted(len(done), f"change of {name} is", f"changes of {name} are")
    text = f"{many} taken for ours." if done else "None was open."
    result({"provider": name, "accepted": list(done)}, text, as_json=as_json)


def document(found: View, kind: str) -> dict[str, object]:
    """The account for a program."""
    return {
        "provider": found.account,
        "kind": kind,
        "read_at": when(found.read_at),
        "key_can_send": found.can_send,
        "lists": {
            name: {"read": not one.failures and one.read, "trouble": one.trouble or None}
            for name, one in sorted(found.lists.items())
        },
        "items": {
            of: [
                {"id": one.id, **{name: value.text for name, value in one.fields.items()}}
                for one in items
            ]
            for of, items in found.items.items()
        },
        "changes": [_change(one) for one in found.changes],
        "expected": [_expected(one) for one in found.expected],
        "blind": {of.value: why for of, why in registry.blind(kind).items()},
    }


def _change(one: ChangeView) -> dict[str, object]:
    return {
        "id": one.id,
        "at": iso(one.at),
        "kind": one.kind,
        "what": one.what,
        "item": one.item,
        "fields": {
            field.name: {
                "old": None if field.old is None else field.old.text,
                "new": None if field.new is None else field.new.text,
            }
            for field in one.fields
        },
        "strange": one.strange,
        "state": "expected" if one.expected else "open" if one.is_open else "accepted",
        "by": one.accepted_by or None,
        "reason": one.reason or None,
    }


def _expected(one: Expected) -> dict[str, object]:
    return {
        "id": one.id,
        "kind": one.kind,
        "until": iso(one.until),
        "left": one.left,
        "by": one.by,
        "reason": one.reason,
    }


def _text(found: View, kind: str) -> str:
    if found.read_at is None and not found.lists:
        return f"Our account at {found.account} was not read yet."
    seen = readable(found.read_at) if found.read_at is not None else "never"
    lines = [f"Our account at {found.account} ({kind}), read {seen}."]
    if found.can_send:
        lines.append("The key that reads it can also send: whoever has it needs no other.")
    rows = [("kind", "items")]
    rows += [(of, str(len(items))) for of, items in found.items.items()]
    lines.append(table(rows if len(rows) > 1 else [], "Nothing is known to be in it."))
    troubles = [(name, one.trouble) for name, one in sorted(found.lists.items()) if one.failures]
    lines += [f"Cannot be read: {plain(name)} ({trouble})." for name, trouble in troubles]
    for change in found.changes[:MOST_LINES]:
        state = "announced" if change.expected else "open" if change.is_open else "accepted"
        lines.append(f"{readable(change.at)}  {change.id} [{state}] {_line(change)}")
    for one in found.expected:
        lines.append(
            f"Expected until {readable(one.until)}: {one.left} of {one.kind} ({plain(one.reason)})."
        )
    lines += [f"Blind: {of}: {why}." for of, why in registry.blind(kind).items()]
    return "\n".join(lines)


def _line(one: ChangeView) -> str:
    fields = ", ".join(
        f"{field.name}: "
        + " -> ".join("-" if side is None else plain(side.text) for side in (field.old, field.new))
        for field in one.fields
    )
    strange = " (a place that the account never named before)" if one.strange else ""
    return f"{one.kind} {one.what}: {plain(one.item)}; {fields}{strange}"


def _kind(known: Settings, name: str) -> str:
    """The kind of an account that is read, or of a provider that is not. Raises ``BadSettings``."""
    accounts = () if known.posture is None else known.posture.account
    provider = settings_of.of_provider(known, name)
    account = next((one for one in accounts if one.name == name), None)
    if account is not None and account.kind:
        return account.kind
    if provider is not None:
        return provider.kind
    names = known.provider_names() | {one.name for one in accounts}
    raise BadSettings(f"no provider {name!r}{nearest(name, names)}")


def _seconds(span: str) -> float:
    found = _SPAN.fullmatch(span.strip())
    if found is None:
        raise BadSettings("--for: say a number and s, m, h or d, as in 1h")
    return float(int(found[1]) * _UNITS[found[2]])
