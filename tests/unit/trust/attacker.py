"""An attacker who knows no rules: he looks at what he has, tries each act, and goes on while an act
brought something. Written from the description of the acts and not from the code of the rules."""

import random
from collections.abc import Iterable

from mailkeep.trust.graph import TrustGraph, overridden
from mailkeep.trust.types import Override, Party, PartyKind
from mailkeep.trust.world import Carrier, Group, Key, Lane, World, pairs

DOMAINS = ("example.com", "mail.example.com", "other.example")
SIGN_ON = "operators.sign-on"


def random_world(draw: random.Random) -> World:
    """Some small system, strange ones included."""
    ids = [f"p{n}" for n in range(draw.randint(3, 7))]
    ours = draw.sample(
        [
            *("mailkeep", "mailkeep.keys", "mailkeep.database", "mailkeep.backups"),
            *("key", "secret", "client:shop", "manager", "hook"),
        ],
        draw.randint(0, 5),
    )
    parties: dict[str, Party] = {}
    for one in ids:
        others = [other for other in ids if other != one]

        def some(chance: float, others: list[str] = others) -> tuple[str, ...]:
            return tuple(other for other in others if draw.random() < chance)

        parties[one] = Party(
            one,
            relays_via=some(0.12),
            owned_by=some(0.1),
            administered_by=some(0.1),
            runs_on=some(0.1),
            kind=draw.choice(list(PartyKind)),
            serves=tuple(d for d in DOMAINS if draw.random() < 0.3),
            can=tuple(one for one in ("pages", "phones") if draw.random() < 0.05),
        )
        ties = parties[one].relays_via + parties[one].owned_by + parties[one].administered_by
        if ties and draw.random() < 0.3:
            loose = Override(draw.choice(ties), "the contract says so", "2027-01-01")
            fields = {f: getattr(parties[one], f) for f in Party.__struct_fields__}
            parties[one] = Party(**{**fields, "independent": (loose,)})
    if draw.random() < 0.3:
        parties[SIGN_ON] = Party(SIGN_ON, kind=PartyKind.IDENTITY)
    for one in ours:
        beneath = tuple(other for other in ids if draw.random() < 0.1)
        parties[one] = Party(one, kind=PartyKind.OURS, runs_on=beneath)
    today = draw.choice(["2026-11-28", "2027-06-01"])
    texting = draw.choice([0.0, 0.1, 0.6])
    carriers = tuple(
        Carrier(
            f"c{n}",
            draw.choice(ids),
            tuple(s for s in ("recovery", "security", "app") if draw.random() < 0.8),
            tuple(d for d in DOMAINS if draw.random() < 0.5),
            stands=(stands := draw.random() < 0.8),
            rests=not stands and draw.random() < 0.5,
            returns=tuple(d for d in DOMAINS if draw.random() < 0.2),
            texts=draw.random() < texting,
        )
        for n in range(draw.randint(1, 4))
    )
    graph = TrustGraph(parties, lambda: today)
    return World(
        parties,
        carriers,
        (
            Lane("recovery", secret=True),
            Lane("security"),
            Lane("app", secret=True, opens=draw.random() < 0.5),
        ),
        tuple(
            Group(
                name,
                draw.choice(["none", "totp"]),
                draw.choice([*DOMAINS, "*"]),
                recovers=draw.random() < 0.8,
                held=draw.choice([0.0, 3600.0]),
                application=draw.choice(["", "", "shop"]),
            )
            for name in ("customer", "staff")
        ),
        (
            Key(
                "key",
                draw.choice([("send",), ("operate",), ("read",), ("recover",), ("recover",)]),
                ("example.com",),
                draw.choice(["", "shop"]),
            ),
        )
        * ("key" in ours)
        + (Key(SIGN_ON, ("operate",), person=True),) * (SIGN_ON in parties),
        loosed=overridden(parties, today),
        proofs=draw.choice(["recovery", "recovery", ""]),
        notices="security",
        pairs=pairs(carriers, "recovery", graph),
        degrades=draw.choice([None, 86_400.0, 0.0]),
        without_factor=draw.choice([None, None, 259_200.0]),
        site=draw.choice(["", "accounts.example.com"]),
        sending=draw.choice([(), ("example.com",)]),
        secrets={"c0": "secret"} if "secret" in ours else {},
        makers={"c0": ("manager",)} if "manager" in ours else {},
        hooks={"c0": "hook"} if "hook" in ours else {},
        shown=frozenset({"c0"}) if draw.random() < 0.5 else frozenset(),
        sign_on=draw.choice(["login.other.example", "login.elsewhere.example"]),
    )


class Attacker:
    """Tries everything, again and again."""

    def __init__(self, world: World) -> None:
        self.world = world
        spoken = [name for one in world.carriers for name in (*one.domains, *one.returns)]
        spoken += [name for one in world.parties.values() for name in one.serves]
        spoken += [one.mailbox for one in world.groups]
        self.names = {*spoken, *world.sending} - {"*"}

    def tries(self, fallen: Iterable[str]) -> set[str]:
        """Everything that he can do in the end."""
        self.has = {f"party:{one}" for one in fallen}
        size = -1
        while len(self.has) != size:
            size = len(self.has)
            for party in self.world.parties.values():
                self._sit_in(party)
            for domain in sorted(self.names):
                if f"dns:{domain}" in self.has:
                    self._change_names(domain)
            for carrier in self.world.carriers:
                self._read_along(carrier)
                self._speaks_for(carrier)
            self._stop_streams()
            self._use_ours()
            for group in self.world.groups:
                self._take(group)
        return self.has

    def _counts(self, party: Party, other: str) -> bool:
        return (party.id, other) not in self.world.loosed

    def _sit_in(self, party: Party) -> None:
        """Being a party, owning it, or reading the mail of who does."""
        for boss in (*party.owned_by, *party.administered_by):
            if self._counts(party, boss) and {f"party:{boss}", f"carries:{boss}"} & self.has:
                self.has.add(f"party:{party.id}")
        if f"party:{party.id}" in self.has or any(
            self._counts(party, one) and f"carries:{one}" in self.has for one in party.relays_via
        ):
            self.has.add(f"carries:{party.id}")
        for host in party.runs_on:
            if party.kind is PartyKind.OURS and f"party:{host}" in self.has:
                self.has.add(f"party:{party.id}")
            if {f"party:{host}", f"down:{host}"} & self.has:
                self.has.add(f"down:{party.id}")
        if party.kind is PartyKind.MAILBOX and f"carries:{party.id}" in self.has:
            self.has |= {f"mailbox:{one}" for one in party.serves}
        if f"party:{party.id}" in self.has:
            self.has |= set(party.can)
            for domain in party.serves:
                if party.kind in (PartyKind.DNS, PartyKind.REGISTRAR):
                    self.has.add(f"dns:{domain}")
                here = self.world.site.endswith(f".{domain}") or self.world.site == domain
                front = party.kind in (PartyKind.CDN, PartyKind.CLOUD)
                if front and here:
                    self.has.add("pages")
                if front and self._signs_in_at(domain):
                    self.has.add(f"party:{SIGN_ON}")

    def _signs_in_at(self, domain: str) -> bool:
        there = self.world.sign_on
        return SIGN_ON in self.world.parties and f".{there}".endswith(f".{domain}")

    def _change_names(self, domain: str) -> None:
        """Whoever answers for a name delegates what is below it to themselves; a signature of a
        neighbour passes for the sender's own."""
        self.has |= {f"send:{domain}", f"mailbox:{domain}"}
        self.has |= {f"dns:{one}" for one in self.names if one.endswith(f".{domain}")}
        house = domain.split(".")[-2:]
        self.has |= {f"send:{one}" for one in self.world.sending if one.split(".")[-2:] == house}
        if self._signs_in_at(domain):
            self.has.add(f"party:{SIGN_ON}")
        if self.world.site == domain or self.world.site.endswith(f".{domain}"):
            self.has.add("pages")

    def _read_along(self, carrier: Carrier) -> None:
        secret = self.world.secrets.get(carrier.name)
        inside = f"carries:{carrier.party}" in self.has
        if inside or (secret is not None and f"party:{secret}" in self.has):
            self.has.add(f"list:{carrier.name}")
            self.has |= {f"send:{one}" for one in (*carrier.domains, *carrier.returns)}
            if carrier.texts:
                self.has.add(f"text:{carrier.name}")
            for stream in self._carried(carrier):
                self.has |= {f"read:{stream}@{carrier.name}", f"drop:{stream}@{carrier.name}"}
                for lane in self.world.lanes:
                    if lane.name == stream and lane.opens:
                        self.has.add(f"open:{stream}")
        if f"down:{carrier.party}" in self.has:
            self.has |= {f"drop:{stream}@{carrier.name}" for stream in self._carried(carrier)}

    def _speaks_for(self, carrier: Carrier) -> None:
        """Telling us what became of mail: we believe who has the webhook's secret, the provider,
        and who may look it up there with its key."""
        hook = self.world.hooks.get(carrier.name)
        if hook is None:
            return
        if "pages" in self.has and carrier.name in self.world.shown:
            self.has.add(f"party:{hook}")
        mine = {carrier.party, hook, self.world.secrets.get(carrier.name, hook)}
        if any(f"party:{one}" in self.has for one in mine):
            self.has.add(f"claim:{carrier.name}")

    def _carried(self, carrier: Carrier) -> list[str]:
        """A resting one carries what nobody else does, and no proof of a recovery."""
        if carrier.stands:
            return list(carrier.streams)
        return [one for one in carrier.streams if carrier.rests and one != self.world.proofs]

    def _stop_streams(self) -> None:
        for lane in self.world.lanes:
            routes = [one.name for one in self.world.carriers if lane.name in self._carried(one)]
            if "operate" in self.has or (
                routes and all(f"drop:{lane.name}@{one}" in self.has for one in routes)
            ):
                self.has.add(f"stop:{lane.name}")

    def _use_ours(self) -> None:
        held = {one for one in self.world.parties if f"party:{one}" in self.has}
        for key in self.world.keys:
            if key.party in held and "operate" in key.scopes:
                self.has.add("operate")
            if key.party in held and "send" in key.scopes:
                self.has |= {f"send:{one}" for one in key.domains}
            if "pages" in self.has:
                self._listen(key)
        if held & {"mailkeep", "mailkeep.database", "mailkeep.backups"}:
            self.has |= {f"list:{one.name}" for one in self.world.carriers}
        if held & {"mailkeep", "mailkeep.keys"}:
            self.has.add("vouch")
        for account, makers in self.world.makers.items():
            if held & set(makers) and account in self.world.secrets:
                self.has.add(f"party:{self.world.secrets[account]}")
        if "mailkeep" in held:
            self.has |= {"operate", "pages"}
            self.has |= {f"party:{one}" for one in self.world.secrets.values()}
            self.has |= {f"party:{one}" for one in self.world.hooks.values()}
            self.has |= {f"party:{one}" for some in self.world.makers.values() for one in some}

    def _listen(self, key: Key) -> None:
        """What is said to our pages and our API passes whoever stands before them."""
        if key.person:
            self.has.add("operate")
            return
        self.has.add(f"party:{key.party}")
        if key.application:
            self.has.add(f"party:client:{key.application}")
        if "send" in key.scopes:
            self.has |= {f"open:{one.name}" for one in self.world.lanes if one.opens}

    def _take(self, group: Group) -> None:
        def gets(how: str) -> None:
            self.has.add(f"{how}:{group.id}")

        def reads(carrier: str) -> bool:
            return f"read:{self.world.proofs}@{carrier}" in self.has

        if "pages" in self.has:
            gets("catch")
        if (
            "party:mailkeep" in self.has
            or "party:mailkeep.database" in self.has
            or {
                "party:mailkeep.backups",
                "party:mailkeep.keys",
            }
            <= self.has
        ):
            gets("take")
        if not self.world.proofs or not group.recovers:
            return
        bare = group.factor == "none"
        for key in self.world.keys:
            theirs = key.application == group.application != ""
            both = {f"party:{key.party}", f"party:client:{key.application}"} <= self.has
            if bare and theirs and both and "recover" in key.scopes:
                gets("held")
        waits = bool(group.held) or not bare
        both = any(reads(a) and reads(b) for a, b in self.world.pairs)
        texting = {one.name for one in self.world.carriers if one.texts}
        halved = bool(self.world.pairs) and all(set(pair) & texting for pair in self.world.pairs)
        owned = f"mailbox:{group.mailbox}" in self.has
        mailbox = owned and ("phones" in self.has or not halved)
        if (both or mailbox) and (bare or self.world.without_factor is not None):
            gets("held" if waits else "take")
        if bare and not group.held and self.world.degrades is not None:
            routes = [
                one.name
                for one in self.world.carriers
                if one.stands and self.world.proofs in one.streams
            ]
            paired = {one for pair in self.world.pairs for one in pair}
            for mine in [one for one in routes if one not in texting]:
                others = paired - {mine}
                gone = all(f"drop:{self.world.proofs}@{one}" in self.has for one in others)
                if reads(mine) and gone:
                    gets("held" if self.world.degrades else "take")
            phones = [one for one in paired if one in texting]
            silent = all(f"drop:{self.world.proofs}@{one}" in self.has for one in phones)
            if owned and halved and silent:
                gets("held" if self.world.degrades else "take")
        if f"held:{group.id}" in self.has and f"stop:{self.world.notices}" in self.has:
            gets("take")
