"""What development mode is made of."""

from types import SimpleNamespace
from typing import Any

from mailkeep.app.settings import of_development
from mailkeep.cli.development import KINDS, settings
from mailkeep.trust.graph import TrustGraph
from mailkeep.trust.register import load


def test_a_stand_in_has_the_owners_of_the_house_that_it_stands_for() -> None:
    """Else who tries it out is shown that nobody stands behind a provider."""
    standins: Any = [SimpleNamespace(kind=one, api="http://127.0.0.1:1") for one in KINDS]
    found = of_development(settings("http://localhost:8025", standins, 8026))
    parties = load(found.party)
    assert {owner for one in parties.values() for owner in one.owned_by} >= {
        "intuit",
        "activecampaign",
    }
    assert TrustGraph(parties).independent({"mandrill"}, {"postmark"}).ok
