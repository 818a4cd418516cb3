"""For how long an account keeps the contents of its mail."""

import pytest

from mailkeep.providers import registry
from mailkeep.providers.errors import MisconfiguredProvider
from mailkeep.providers.keeping import keeps_days

POSTMARK = registry.get("postmark").capabilities
SMTP = registry.get("smtp").capabilities


def test_an_account_may_differ_from_its_kind() -> None:
    assert keeps_days({}, POSTMARK) == 45
    assert keeps_days({"keeps_days": "365"}, POSTMARK) == 365
    assert keeps_days({"keeps_days": "0"}, SMTP) == 0
    assert keeps_days({}, SMTP) is None


@pytest.mark.parametrize("said", ["-1", "4000", "1.5", "forever", "１２", "99999"])
def test_a_number_of_days_is_asked_for(said: str) -> None:
    with pytest.raises(MisconfiguredProvider, match="number of days"):
        keeps_days({"keeps_days": said}, POSTMARK)
