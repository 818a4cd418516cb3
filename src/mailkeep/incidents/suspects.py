"""Which providers a suspicion reaches: the suspect and those that share its parties (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailkeep.trust.graph import TrustGraph
from mailkeep.watch.types import Subject


@dataclass(frozen=True)
class House:
    """Our providers and who stands behind them.

    Attributes:
        parties: the party of each provider, by the provider's name.
        graph: the register's graph.
        keeps: for how many days a provider keeps the contents of mail; left out, or None: nobody
            said.
    """

    parties: Mapping[str, str]
    graph: TrustGraph
    keeps: Mapping[str, int | None] = field(default_factory=dict)

    def independent(self, one: str, other: str) -> bool:
        """Whether nobody can read both what goes through ``one`` and through ``other``."""
        if one not in self.parties or other not in self.parties:
            return False
        return self.graph.independent({self.parties[one]}, {self.parties[other]}).ok

    def suspects(self, subject: Subject) -> frozenset[str]:
        """The suspect provider and every other one that somebody could read together with it.

        A campaign suspects nobody.
        """
        if subject.kind != "provider":
            return frozenset()
        ties = {one for one in self.parties if not self.independent(one, subject.id)}
        return frozenset({subject.id} | ties)
