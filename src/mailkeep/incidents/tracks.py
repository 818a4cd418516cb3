"""The two checklists of an incident: restore the mail, and investigate what was taken (pure).

Both begin at once. Each item is computed from state, so nobody has to tick it and nobody can tick
what is not so.
"""

import msgspec

from mailkeep.base.wording import counted
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
        replaced: no route of any stream leads over it any more.
        standing: providers that are neither suspect nor cut off.
        carried: attempts that those accepted since the incident opened.
        overdue: messages that should have left two minutes ago.
        applied: actions that are done.
        told, not_told: owners who were told, and who were not yet.
        open_proofs: recoveries that can still be completed with a proof that the suspect had.
        loose: accounts that were recovered through it and not frozen after that.
        elsewhere: of those that were recovered through it, accounts that an application keeps.
        unheard: of those, the ones of which it has not acknowledged all that it was told.
        old_keys, old_sessions: API keys, and operators' sessions, from before it that still count.
        unexplained: changes at our provider accounts that nobody announced or accepted.
        watched, alike: names like the domain that are looked up, and that are in use.
        accounts, with_factor: accounts as they were last counted, and those with a second factor.
        notes: what people wrote down.
    """

    cut: bool = False
    resting: bool = False
    replaced: bool = False
    standing: tuple[str, ...] = ()
    carried: int = 0
    overdue: int = 0
    applied: frozenset[str] = frozenset()
    told: int = 0
    not_told: int = 0
    open_proofs: int = 0
    loose: int = 0
    elsewhere: int = 0
    unheard: int = 0
    old_keys: int = 0
    old_sessions: int = 0
    unexplained: int = 0
    watched: int = 0
    alike: int = 0
    accounts: int = 0
    with_factor: int = 0
    notes: int = 0


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
                seen.replaced or _carries(incident, seen),
                "no stream goes over it"
                if seen.replaced
                else "cut off"
                if seen.cut
                else "at rest"
                if seen.resting
                else "",
            )
        )
    return tuple(items)


def security_track(incident: Incident, seen: Seen, blast: BlastRadius) -> tuple[Item, ...]:
    """Who may have been harmed, and is it contained?"""
    match incident.subject.kind:
        case "provider":
            return (*_provider(incident, seen, blast), _owners(incident, seen, blast))
        case "house":
            return (*_house(incident, seen), _owners(incident, seen, blast))
        case "domain":
            return _domain(incident, seen)
        case "mailbox":
            return _mailbox(incident, seen)
    return (_owners(incident, seen, blast),)


def _carries(incident: Incident, seen: Seen) -> bool:
    """Whether it carries mail and was judged to: closing an incident lifts no cut."""
    judged = incident.state in {State.RESTORED, State.CLOSED}
    return judged and not seen.cut and not seen.resting


def _provider(incident: Incident, seen: Seen, blast: BlastRadius) -> list[Item]:
    contained = incident.contained_at is not None
    suspected = Hypothesis.PROVIDER_COMPROMISED in incident.held or contained
    safe = seen.cut or incident.state is State.RESTORED
    through = counted(seen.open_proofs, "open recovery has one", "open recoveries have one")
    proofs = "new ones go through it" if suspected and not safe else through
    recovered = f"{blast.completed} recovered"
    items = [
        Item(
            "The suspect gets no more mail, or was cleared",
            safe if suspected else None,
            "cut off" if seen.cut else "it carries mail",
        ),
        Item(
            "No proof that it could have read is still good",
            (seen.open_proofs == 0 and (safe or not suspected))
            if suspected or blast.half_proven
            else None,
            proofs if suspected or seen.open_proofs else "",
        ),
        Item(
            "Accounts recovered through it rest",
            seen.loose == 0 if blast.completed else None,
            f"{recovered}, {seen.loose} of them not frozen" if seen.loose else recovered,
        ),
    ]
    if seen.elsewhere:
        heard = seen.elsewhere - seen.unheard
        items.append(
            Item(
                "Applications that keep such accounts have acknowledged it",
                seen.unheard == 0,
                f"{heard} of {counted(seen.elsewhere, 'account')}",
            )
        )
    return items


def _house(incident: Incident, seen: Seen) -> list[Item]:
    ever = incident.held | {one.hypothesis for one in incident.opinions if one.highest is not None}
    if Hypothesis.INTERCEPTED in ever and Hypothesis.LEAKED_HERE not in ever:
        return [_quiet(incident), _explained(seen), _written(_ON_THE_WAY, seen)]
    return [
        _quiet(incident),
        Item(
            "API keys from before it are replaced",
            seen.old_keys == 0,
            f"{counted(seen.old_keys, 'key')} of before it still work"
            f"{'s' if seen.old_keys == 1 else ''}",
        ),
        Item(
            "Operators' sessions from before it are over",
            seen.old_sessions == 0,
            f"{counted(seen.old_sessions, 'session')} still open",
        ),
        _explained(seen),
        _written("What leaked, and from where, is written down", seen),
    ]


#: A person looks: the signature that would tell is not there.
_ON_THE_WAY = (
    "Whether it was the provider or somebody on the way (our DNS, our listener's MX and "
    "certificate, what lies before it) is written down"
)


def _domain(incident: Incident, seen: Seen) -> tuple[Item, ...]:
    return (
        _quiet(incident),
        Item(
            "No name like it is in use",
            seen.alike == 0 if seen.watched else None,
            f"{seen.alike} in use; {counted(seen.watched, 'name')} looked up"
            if seen.watched
            else "nobody looks names up",
        ),
        _explained(seen),
        _written("Who was told of it (registrar, host, receivers) is written down", seen),
    )


def _mailbox(incident: Incident, seen: Seen) -> tuple[Item, ...]:
    return (
        _quiet(incident),
        Item(
            "Accounts have a second factor, which who reads a mailbox has not",
            seen.with_factor >= seen.accounts if seen.accounts else None,
            f"{seen.with_factor:,} of {seen.accounts:,}" if seen.accounts else "",
        ),
        _written("What the keeper of these mailboxes was told, and says, is written down", seen),
    )


def _quiet(incident: Incident) -> Item:
    """A person's word is no sign: it ends as the incident does."""
    left = [one for one in incident.opinions if one.open]
    return Item("No sign of it is left", not left, "" if left else "nothing that we see holds it")


def _explained(seen: Seen) -> Item:
    return Item(
        "Changes at our provider accounts are accounted for",
        seen.unexplained == 0,
        f"{counted(seen.unexplained, 'change')} that nobody announced" if seen.unexplained else "",
    )


def _written(text: str, seen: Seen) -> Item:
    """What people do elsewhere is known here by what they wrote of it."""
    return Item(text, seen.notes > 0, counted(seen.notes, "note"))


def _owners(incident: Incident, seen: Seen, blast: BlastRadius) -> Item:
    whose = "Owners know" if incident.account is None else "The owner knows"
    return Item(
        f"{whose} what happened to their account",
        ("notify_owners" in seen.applied and seen.not_told == 0) if blast.requested else None,
        f"{seen.told} of {blast.requested} told",
    )
