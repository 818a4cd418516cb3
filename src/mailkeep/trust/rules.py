"""Inference rules from one compromised capability to the next (pure).

A *capability* is a word such as ``read:recovery@main``; ``party:P`` means that P itself is
compromised. A rule says that all of its premises together give its conclusion. Rules only ever add
(they are monotone), so the order in which they are applied does not matter, and a larger set of
parties can always do what a smaller one can. The words of each rule stand in ``RULES``, which the
page of the threat model shows as they are.
"""

from collections.abc import Iterable, Iterator

import msgspec

from mailkeep.base import addresses

from .types import PartyKind
from .world import NO_FACTOR, Carrier, Group, World

MAILKEEP = "mailkeep"  #: the process
KEYS = "mailkeep.keys"  #: the directory of key files
DATABASE = "mailkeep.database"  #: whoever can write it
BACKUPS = "mailkeep.backups"  #: copies of it, which are read only
CLIENT = "client:"  #: before an application's id: its client secret
#: Who signs operators in: it can say of anybody that they are one.
SIGN_ON = "operators.sign-on"

#: What each rule says. ``{0}``, ``{1}``: what the premises are about; ``{to}``: the conclusion.
RULES: dict[str, str] = {
    "owns": "{0} owns {to}",
    "administers": "{0} holds admin accounts or keys of {to}",
    "resets_admin": "{0} reads the mail of whoever owns or administers {to}, and so resets their "
    "accounts there",
    "itself": "{0} handles its own mail",
    "relays": "{0} carries the mail of {to} onwards",
    "beneath": "{to} runs on the machines of {0}, who can read what is in their memory",
    "host": "{to} runs on {0}, and stops with it",
    "declared": "the register says that {0} can do it",
    "route": "mail of this stream goes through {0}",
    "sender": "{0} has a key that signs mail as this domain",
    "aligned": "mail from the servers of {0} passes as this domain: bounces of it come to them",
    "texter": "{0} sends text messages in our name",
    "addresses": "{0} is given the addresses of whom it mails",
    "discard": "{0} can take mail and not deliver it",
    "stopped": "{0} no longer works",
    "secret": "{0} is the key to this account at the provider",
    "makes_keys": "{0} makes, or shows, keys to this account at the provider",
    "tells": "{0} tells us what becomes of mail there",
    "believed": "who has {0} is believed about mail there",
    "signs": "whoever has {0} signs verdicts, sign-ins, security events and the audit head",
    "all_routes": "no route of the stream is left",
    "one_mail": "one mail of this stream opens what it is about",
    "names": "{0} answers for the names of this domain",
    "above": "a name below another one is answered for by whoever answers for that one",
    "new_key": "who changes its DNS publishes a signing key of their own",
    "one_house": "a signature of one name passes for another of the same house",
    "redirect": "who changes its DNS has its mail sent elsewhere",
    "our_pages": "our pages are at a name of this domain",
    "front": "{0} stands before our pages",
    "console": "an operator signs in on pages that are no longer ours",
    "used_there": "{to} is used at the address of our pages, and passes there",
    "handed_in": "applications hand this mail in at the address of our pages",
    "sign_on": "{0} answers where operators sign in",
    "mailboxes": "{0} keeps the mailboxes of this domain",
    "operate": "{0} may act as an operator",
    "send_key": "the API key may send as this domain",
    "planted": "the API key registers another address of a user, the client secret answers for it,"
    " and it counts after a hold",
    "cut_all": "an operator can cut off every route",
    "both_proofs": "whoever reads both proofs resets the password",
    "alone": "both proofs go over the one route that is left",
    "lost_factor": "with both proofs, the factor can be said to be lost",
    "mailbox": "whoever has the mailbox gets both proofs",
    "mailbox_and_phone": "the link comes to the mailbox, the code to the telephone",
    "unheard": "the hold ends, and no notice of it arrives",
    "passed_by": "the owner signs in on pages that are no longer ours",
    "process": "the process writes passwords and reads secrets",
    "store_and_keys": "a copy of the database with the keys to it holds codes and factors",
    "written": "who writes the database gives an account another address, and no factor",
    "ledger": "the database lists every address",
}


class Rule(msgspec.Struct, frozen=True):
    """``body`` together gives ``head``; ``why`` is a key of ``RULES``."""

    head: str
    body: tuple[str, ...]
    why: str


def ground(world: World) -> list[Rule]:
    """Every rule, instantiated with every name of this world."""
    return [*_ties(world), *_duties(world), *_mail(world), *_ours(world), *_accounts(world)]


def taking(world: World) -> list[Rule]:
    """Those that end in an account (a part of ``ground``)."""
    return list(_accounts(world))


def _ties(world: World) -> Iterator[Rule]:
    for party in world.parties.values():
        me = party.id
        yield Rule(f"carries:{me}", (f"party:{me}",), "itself")
        for tie, why in (("owned_by", "owns"), ("administered_by", "administers")):
            for other in getattr(party, tie):
                if (me, other) in world.loosed:
                    continue
                yield Rule(f"party:{me}", (f"party:{other}",), why)
                yield Rule(f"party:{me}", (f"carries:{other}",), "resets_admin")
        for other in party.relays_via:
            if (me, other) not in world.loosed:
                yield Rule(f"carries:{me}", (f"carries:{other}",), "relays")
        for host in party.runs_on:
            if party.kind is PartyKind.OURS:
                yield Rule(f"party:{me}", (f"party:{host}",), "beneath")
            yield Rule(f"down:{me}", (f"party:{host}",), "host")
            yield Rule(f"down:{me}", (f"down:{host}",), "host")


def _duties(world: World) -> Iterator[Rule]:
    """What follows from what a party is for us."""
    for party in world.parties.values():
        me = f"party:{party.id}"
        for word in party.can:
            yield Rule(word, (me,), "declared")
        for domain in map(str.lower, party.serves):
            if party.kind in {PartyKind.DNS, PartyKind.REGISTRAR}:
                yield Rule(f"dns:{domain}", (me,), "names")
            if party.kind is PartyKind.MAILBOX:
                yield Rule(f"mailbox:{domain}", (f"carries:{party.id}",), "mailboxes")
            if party.kind in {PartyKind.CDN, PartyKind.CLOUD}:
                if _within(world.site, domain):
                    yield Rule("pages", (me,), "front")
                if SIGN_ON in world.parties and _within(world.sign_on, domain):
                    yield Rule(f"party:{SIGN_ON}", (me,), "sign_on")
    yield from _names(world)


def _names(world: World) -> Iterator[Rule]:
    """What follows from answering for a name: the names below it follow from that one."""
    answered = _named(world)
    names = sorted(answered | world.names())
    for domain in names:
        for above in sorted(_above(domain) & answered):
            yield Rule(f"dns:{domain}", (f"dns:{above}",), "above")
        if not (_above(domain) | {domain}) & answered:
            continue
        yield Rule(f"send:{domain}", (f"dns:{domain}",), "new_key")
        yield Rule(f"mailbox:{domain}", (f"dns:{domain}",), "redirect")
    for domain in sorted(answered):
        if _within(world.site, domain):
            yield Rule("pages", (f"dns:{domain}",), "our_pages")
        if SIGN_ON in world.parties and _within(world.sign_on, domain):
            yield Rule(f"party:{SIGN_ON}", (f"dns:{domain}",), "sign_on")
        # RFC 7489 section 3.1: relaxed, which is the default.
        for ours in world.sending:
            if ours != domain and addresses.organisation(ours) == addresses.organisation(domain):
                yield Rule(f"send:{ours}", (f"dns:{domain}",), "one_house")


def _above(domain: str) -> set[str]:
    """The names above one."""
    labels = domain.split(".")
    return {".".join(labels[start:]) for start in range(1, len(labels))}


def _named(world: World) -> set[str]:
    """Domains that somebody's DNS is said of."""
    out = {
        word.partition(":")[2]
        for party in world.parties.values()
        for word in party.can
        if word.startswith("dns:")
    }
    for party in world.parties.values():
        if party.kind in {PartyKind.DNS, PartyKind.REGISTRAR}:
            out.update(map(str.lower, party.serves))
    return out


def _within(host: str, domain: str) -> bool:
    return bool(host) and (host == domain or host.endswith(f".{domain}"))


def _mail(world: World) -> Iterator[Rule]:
    carried: dict[str, list[str]] = {one.name: [] for one in world.carriers}
    for stream in dict.fromkeys(name for one in world.carriers for name in one.streams):
        for one in world.carrying(stream):
            carried[one.name].append(stream)
    for carrier in world.carriers:
        sources = [(f"carries:{carrier.party}", "")]
        if (secret := world.secrets.get(carrier.name)) is not None:
            sources.append((f"party:{secret}", "secret"))
        for source, why in sources:
            # It keeps what it was given, whether or not it still carries anything.
            for domain in carrier.domains:
                yield Rule(f"send:{domain}", (source,), why or "sender")
            for domain in carrier.returns:
                yield Rule(f"send:{domain}", (source,), why or "aligned")
            if carrier.texts:
                yield Rule(f"text:{carrier.name}", (source,), why or "texter")
            yield Rule(f"list:{carrier.name}", (source,), why or "addresses")
            for stream in carried[carrier.name]:
                yield Rule(f"read:{stream}@{carrier.name}", (source,), why or "route")
                yield Rule(f"drop:{stream}@{carrier.name}", (source,), why or "discard")
        if carrier.name in world.hooks:
            yield from _claims(world, carrier)
        for stream in carried[carrier.name]:
            down = f"down:{carrier.party}"
            yield Rule(f"drop:{stream}@{carrier.name}", (down,), "stopped")
    yield from _lanes(world)


def _claims(world: World, carrier: Carrier) -> Iterator[Rule]:
    """Who may say what becomes of mail: whoever has the secret that is asked for, or may set it."""
    hook, claim = f"party:{world.hooks[carrier.name]}", f"claim:{carrier.name}"
    yield Rule(claim, (hook,), "believed")
    yield Rule(claim, (f"party:{carrier.party}",), "tells")
    if (secret := world.secrets.get(carrier.name)) is not None:
        yield Rule(claim, (f"party:{secret}",), "secret")
    if carrier.name in world.shown:
        yield Rule(hook, ("pages",), "used_there")


def _lanes(world: World) -> Iterator[Rule]:
    for lane in world.lanes:
        through = world.carrying(lane.name)
        if through:
            body = tuple(f"drop:{lane.name}@{one.name}" for one in through)
            yield Rule(f"stop:{lane.name}", body, "all_routes")
        yield Rule(f"stop:{lane.name}", ("operate",), "cut_all")
        if lane.opens:
            for one in through:
                yield Rule(f"open:{lane.name}", (f"read:{lane.name}@{one.name}",), "one_mail")
            if any("send" in key.scopes for key in world.keys):
                yield Rule(f"open:{lane.name}", ("pages",), "handed_in")


def _ours(world: World) -> Iterator[Rule]:
    for key in world.keys:
        me = f"party:{key.party}"
        if "operate" in key.scopes:
            yield Rule("operate", (me,), "operate")
        if "send" in key.scopes:
            for domain in sorted(key.domains or world.sending):
                yield Rule(f"send:{domain}", (me,), "send_key")
        if key.person:
            yield Rule("operate", ("pages",), "console")
            continue
        yield Rule(me, ("pages",), "used_there")
        if key.application:
            yield Rule(f"party:{CLIENT}{key.application}", ("pages",), "used_there")
    for carrier in world.carriers:
        for source, why in ((MAILKEEP, "process"), (DATABASE, "ledger"), (BACKUPS, "ledger")):
            if source in world.parties:
                yield Rule(f"list:{carrier.name}", (f"party:{source}",), why)
    yield from _secrets(world)


def _secrets(world: World) -> Iterator[Rule]:
    """Keys that lead to others, and what the process reads of all of them."""
    makers = {one for some in world.makers.values() for one in some}
    for name, some in world.makers.items():
        if name in world.secrets:
            for one in some:
                yield Rule(f"party:{world.secrets[name]}", (f"party:{one}",), "makes_keys")
    if KEYS in world.parties:
        yield Rule("vouch", (f"party:{KEYS}",), "signs")
    if MAILKEEP in world.parties:
        for word in ("operate", "pages", "vouch"):
            yield Rule(word, (f"party:{MAILKEEP}",), "process")
        for secret in sorted({*world.secrets.values(), *world.hooks.values(), *makers}):
            yield Rule(f"party:{secret}", (f"party:{MAILKEEP}",), "process")


def _accounts(world: World) -> Iterator[Rule]:
    for group in world.groups:
        took, held, caught = f"take:{group.id}", f"held:{group.id}", f"catch:{group.id}"
        yield Rule(caught, ("pages",), "passed_by")
        if MAILKEEP in world.parties:
            yield Rule(took, (f"party:{MAILKEEP}",), "process")
        if DATABASE in world.parties:
            yield Rule(took, (f"party:{DATABASE}",), "written")
        if BACKUPS in world.parties and KEYS in world.parties:
            body = (f"party:{BACKUPS}", f"party:{KEYS}")
            yield Rule(took, body, "store_and_keys")
        if not world.proofs or not group.recovers:
            continue
        yield from _by_mail(world, group, took, held)
        yield from _registered(world, group, held)
        if world.notices:
            yield Rule(took, (held, f"stop:{world.notices}"), "unheard")


def _by_mail(world: World, group: Group, took: str, held: str) -> Iterator[Rule]:
    """Taking accounts by a mailed recovery."""
    alone = group.factor == NO_FACTOR
    end = held if group.held or not alone else took
    read = f"read:{world.proofs}@"
    if alone or world.without_factor is not None:
        why = "both_proofs" if alone else "lost_factor"
        for a, b in world.pairs:
            yield Rule(end, (f"{read}{a}", f"{read}{b}"), why)
        if group.mailbox != "*" and world.mailed():
            yield Rule(end, (f"mailbox:{group.mailbox}",), "mailbox" if alone else "lost_factor")
        elif group.mailbox != "*":
            both = (f"mailbox:{group.mailbox}", "phones")
            yield Rule(end, both, "mailbox_and_phone" if alone else "lost_factor")
    if alone and world.degrades is not None and not group.held:
        paired = {name for pair in world.pairs for name in pair}
        late = held if world.degrades else took
        for one in world.carrying(world.proofs):
            if not one.texts:  # a text message is never enough alone
                yield Rule(late, (f"{read}{one.name}", *_lost(world, paired - {one.name})), "alone")
        if group.mailbox != "*" and not world.mailed():
            body = (f"mailbox:{group.mailbox}", *_lost(world, paired & world.texting()))
            yield Rule(late, body, "alone")


def _registered(world: World, group: Group, held: str) -> Iterator[Rule]:
    """By the application whose users they are: its key asks and its client secret answers for it;
    the key alone changes nothing. Who has a factor is asked for it all the same, here or there."""
    if not group.application or group.factor != NO_FACTOR:
        return
    for key in world.keys:
        if "recover" in key.scopes and key.application == group.application:
            body = (f"party:{key.party}", f"party:{CLIENT}{group.application}")
            yield Rule(held, body, "planted")


def _lost(world: World, carriers: Iterable[str]) -> tuple[str, ...]:
    """That no proof arrives over these routes any more."""
    return tuple(f"drop:{world.proofs}@{name}" for name in sorted(carriers))
