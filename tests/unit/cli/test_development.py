"""What development mode is made of."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mailkeep.app.settings import of_development
from mailkeep.base.errors import BadSettings
from mailkeep.cli.development import KINDS, accounts, settings
from mailkeep.cli.house import ACCOUNTS_FILE
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


def test_our_accounts_at_the_stand_ins_outlive_them(tmp_path: Path) -> None:
    """With other keys at each start, the console would tell of changes that nobody announced."""
    home = tmp_path / "new"
    first = accounts(home)
    assert tuple(first) == KINDS
    assert len({one.secret for one in first.values()}) == len(KINDS)
    assert accounts(home) == first
    assert (home / ACCOUNTS_FILE).stat().st_mode & 0o777 == 0o600
    (home / ACCOUNTS_FILE).write_text("{")
    with pytest.raises(BadSettings, match=ACCOUNTS_FILE):
        accounts(home)
