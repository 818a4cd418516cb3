"""The input of the rules: parties, ways of mail and groups of accounts, as plain data.

Nothing here is live; ``posture`` fills it from the settings and the database.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations

import msgspec

from .graph import TrustGraph
from .types import Party

NO_FACTOR = "none"  #: the word for accounts without a second factor


class Carrier(msgspec.Struct, frozen=True):
    """One account of ours at a provider.

    Attributes:
        party: who runs it.
        streams: those whose mail, or text messages, may go through it.
        domains: for which a signing key of ours lies with it, its own or one that we gave it.
        returns: domains that its servers stand for in SPF, since bounces of them come to it.
        stands: it carries mail now: neither cut off nor resting. Keys and addresses that it was
            given it has all the same.
        rests: it carries what no other route may, and no proof.
        texts: it carries text messages, to telephones and not to mailboxes.
    """

    name: str
    party: str
    streams: tuple[str, ...]
    domains: tuple[str, ...] = ()
    stands: bool = True
    returns: tuple[str, ...] = ()
    texts: bool = False
    rests: bool = False


class Lane(msgspec.Struct, frozen=True):
    """A stream. ``opens``: a single mail of it opens something: it is secret, and not split into
    two proofs as a recovery is."""

    name: str
    secret: bool = False
    opens: bool = False


class Group(msgspec.Struct, frozen=True):
    """Accounts that fall alike.

    Attributes:
        account_class: their class.
        factor: the strongest kind of second factor that is bound, or ``none``.
        mailbox: the domain of their addresses, or ``*`` for all others.
        recovers: a mailed recovery exists for them.
        held: seconds for which it waits in a browser that the account does not know.
        accounts: how many there are.
        application: whose users they are, which keeps them itself; "": ours.
    """

    account_class: str
    factor: str
    mailbox: str
    recovers: bool = True
    held: float = 0.0
    accounts: int = 0
    application: str = ""

    @property
    def id(self) -> str:
        name = f"{self.account_class}/{self.factor}/{self.mailbox}"
        return f"{name}/{self.application}" if self.application else name


class Key(msgspec.Struct, frozen=True):
    """A valid API key, or a person who acts as an operator without one.

    Attributes:
        scopes, domains: empty bindings restrict nothing.
        application: whose it is.
        person: somebody who signs in at the console.
    """

    party: str
    scopes: tuple[str, ...]
    domains: tuple[str, ...] = ()
    application: str = ""
    person: bool = False


class World(msgspec.Struct, frozen=True):
    """Everything that the rules look at.

    Attributes:
        parties: by id, with Mailkeep's own.
        loosed: ties that do not count today, as ``graph.overridden`` gives them.
        proofs: the stream of links and codes; "": Mailkeep keeps no accounts.
        notices: the stream in which owners are told.
        pairs: carriers of proofs of which nobody can read both.
        degrades: seconds of the hold when both proofs go over one route; None: they never do.
        without_factor: seconds of the hold of who says that their factor is lost, where two mailed
            proofs suffice for them; None: they do not.
        site: the host of our own pages, and of the API.
        sign_on: the host at which operators sign in; "": they come by API key alone.
        sending: domains that we send as.
        secrets: the party of each carrier's API secret, by the carrier's name.
        makers: likewise the parties of other keys there that make or show such a secret.
        hooks: likewise that of the secret by which what it tells of mail is believed.
        shown: carriers whose requests to us show that secret; others sign with it.
    """

    parties: Mapping[str, Party]
    carriers: tuple[Carrier, ...] = ()
    lanes: tuple[Lane, ...] = ()
    groups: tuple[Group, ...] = ()
    keys: tuple[Key, ...] = ()
    loosed: frozenset[tuple[str, str]] = frozenset()
    proofs: str = ""
    notices: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    degrades: float | None = None
    without_factor: float | None = None
    site: str = ""
    sending: tuple[str, ...] = ()
    secrets: Mapping[str, str] = {}
    makers: Mapping[str, tuple[str, ...]] = {}
    hooks: Mapping[str, str] = {}
    shown: frozenset[str] = frozenset()
    sign_on: str = ""

    def carrying(self, stream: str) -> tuple[Carrier, ...]:
        """Who carries a stream: those that stand, and those that rest, which carry it where no
        other route does. No proof is given to one that rests."""
        return tuple(
            one
            for one in self.carriers
            if stream in one.streams and (one.stands or (one.rests and stream != self.proofs))
        )

    def names(self) -> frozenset[str]:
        """Every domain that is spoken of: ours, and those of mailboxes that are told apart."""
        served = (one.lower() for party in self.parties.values() for one in party.serves)
        told = (one.mailbox for one in self.groups if one.mailbox != "*")
        signed = (name for one in self.carriers for name in (*one.domains, *one.returns))
        return frozenset({*served, *told, *signed, *self.sending})

    def mailed(self) -> bool:
        """Whether both proofs may come to the mailbox; else each pair has its half by telephone."""
        return not self.pairs or any(not {a, b} & self.texting() for a, b in self.pairs)

    def texting(self) -> frozenset[str]:
        """The carriers of text messages."""
        return frozenset(one.name for one in self.carriers if one.texts)


def with_custody(
    parties: Mapping[str, Party],
    accounts: Iterable[tuple[str, str, tuple[str, ...]]],
    proofs: str,
) -> dict[str, Party]:
    """The parties by which is judged whether two routes are two: whoever keeps the API secret of
    an account, or a key that makes one, reads what goes through it, and so does whoever is said to
    read its proofs, and whoever those are tied to.

    Args:
        accounts: the name of each, its party, and the parties of its secret and of the keys that
            make one, which need not be there.
        proofs: the stream of proofs; "": there is none.
    """
    out = dict(parties)
    for name, party, secrets in accounts:
        reads = f"read:{proofs}@{name}"
        readers = [one.id for one in parties.values() if one.id in secrets or reads in one.can]
        found = out.get(party)
        if found is not None and readers:
            tied = tuple(dict.fromkeys((*found.administered_by, *readers)))
            out[party] = msgspec.structs.replace(found, administered_by=tied)
    return out


def pairs(
    carriers: tuple[Carrier, ...], proofs: str, graph: TrustGraph
) -> tuple[tuple[str, str], ...]:
    """The pairs of routes that may carry the two proofs. Two telephone routes count as one: a text
    message never suffices without a mail."""
    standing = [one for one in carriers if one.stands and proofs in one.streams]
    return tuple(
        (a.name, b.name)
        for a, b in combinations(standing, 2)
        if not (a.texts and b.texts) and graph.independent({a.party}, {b.party}).ok
    )
