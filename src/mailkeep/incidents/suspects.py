"""Which providers a suspicion reaches: the suspect and those that share its parties (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailkeep.trust.graph import TrustGraph
from mailkeep.watch.types import Subject


@dataclass(frozen=True)
class ProviderParties:
    """Our providers and who stands behind them.

    Attributes:
        parties: the party of each provider, by the provider's name.
        graph: the register's graph.
        keeps: for how many days a provider keeps the contents of mail; left out, or None: nobody
            said.
        left: the party of each provider that was left for good: it carries nothing, and knows what
            it was given.
    """

    parties: Mapping[str, str]
    graph: TrustGraph
    keeps: Mapping[str, int | None] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)

    def party(self, provider: str) -> str | None:
        """Whose a provider is, or was; None: nobody knows."""
        return self.parties.get(provider, self.left.get(provider))

    def independent(self, one: str, other: str) -> bool:
        """Whether nobody can read both what goes through ``one`` and through ``other``."""
        theirs, others = self.party(one), self.party(other)
        if theirs is None or others is None:
            return False
        return self.graph.independent({theirs}, {others}).ok

    def suspects(self, subject: Subject) -> frozenset[str]:
        """The suspect provider and every other one that somebody could read together with it.

        A campaign suspects nobody.
        """
        if subject.kind != "provider":
            return frozenset()
        everybody = {*self.parties, *self.left}
        ties = {one for one in everybody if not self.independent(one, subject.id)}
        return frozenset({subject.id} | ties)
