"""The two checklists of an incident: restore the mail, and investigate what was taken (pure).

Both begin at once. Each item is computed from state, so nobody has to tick it and nobody can tick
what is not so.
"""

import msgspec

from mailkeep.watch.types import Hypothesis

from .types import BlastRadius, Incident, State


class Item(msgspec.Struct, frozen=True):
    """A line of a checklist. ``done`` None: there is nothing to do yet."""

    text: str
    done: bool | None
    detail: str = ""


class Seen(msgspec.Struct, frozen=True):
    """What the other rooms say just now.

    Attributes:
        cut, resting: the suspect is cut off, or left alone.
        standing: providers that are neither suspect nor cut off.
        carried: attempts that those accepted since the incident opened.
        overdue: messages that should have left two minutes ago.
        applied: actions that are done.
        told, not_told: owners who were told, and who were not yet.
    """

    cut: bool = False
    resting: bool = False
    standing: tuple[str, ...] = ()
    carried: int = 0
    overdue: int = 0
    applied: frozenset[str] = frozenset()
    told: int = 0
    not_told: int = 0


def mail_track(incident: Incident, seen: Seen) -> tuple[Item, ...]:
    """Is mail going out, and over whom?"""
    name = incident.subject.id
    others = ", ".join(seen.standing) or "none"
    items = [
        Item("A provider stands that is not suspect", bool(seen.standing), others),
        Item(
            "Mail goes out over it",
            seen.carried > 0 if seen.standing else False,
            f"{seen.carried} accepted since this opened",
        ),
        Item("Nothing waits that should have left", seen.overdue == 0, f"{seen.overdue} overdue"),
    ]
    if incident.subject.kind == "provider":
        items.append(
            Item(
                f"{name} carries mail again, or was replaced",
                incident.state in {State.RESTORED, State.CLOSED},
                "cut off" if seen.cut else "at rest" if seen.resting else "",
            )
        )
    return tuple(items)


def security_track(incident: Incident, seen: Seen, blast: BlastRadius) -> tuple[Item, ...]:
    """Who may have been harmed, and is it contained?"""
    items = []
    held = incident.held
    if incident.subject.kind == "provider":
        contained = incident.contained_at is not None
        suspected = Hypothesis.PROVIDER_COMPROMISED in held or contained
        safe = seen.cut or incident.state is State.RESTORED
        items += [
            Item(
                "The suspect gets no more mail, or was cleared",
                safe if suspected else None,
                "cut off" if seen.cut else "it carries mail",
            ),
            Item(
                "Proofs that it could have read are void",
                "revoke_recoveries" in seen.applied if suspected or blast.half_proven else None,
            ),
            Item(
                "Accounts recovered through it rest",
                "secure_accounts" in seen.applied if blast.completed else None,
                f"{blast.completed} recovered",
            ),
        ]
    whose = "Owners know" if incident.account is None else "The owner knows"
    items.append(
        Item(
            f"{whose} what happened to their account",
            ("notify_owners" in seen.applied and seen.not_told == 0) if blast.requested else None,
            f"{seen.told} of {blast.requested} told",
        )
    )
    return tuple(items)
