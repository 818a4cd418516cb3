"""For how long each provider keeps the contents of sent mail visible in its account (pure)."""

from collections.abc import Mapping

from .errors import MisconfiguredProvider
from .types import Capabilities

MOST = 3650


def keeps_days(options: Mapping[str, str], able: Capabilities) -> int | None:
    """Days: what the account's option ``keeps_days`` says, or what its kind does; None: nobody
    says.

    Raises:
        MisconfiguredProvider: the option is no number of days.
    """
    text = options.get("keeps_days", "")
    if not text:
        return able.keeps_days
    if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) <= MOST):
        raise MisconfiguredProvider(
            f"keeps_days is a number of days up to {MOST}", field="options.keeps_days"
        )
    return int(text)
