"""Which of many like lines are said in a log (pure): a few, then one a second with how many it
stands for.

Security: whoever may have us write a line could else fill the disk with them, or bury what matters.
"""

from collections.abc import Hashable


class Flood:
    """What was said of each kind, and how many were not.

    Args:
        burst: lines of a kind that are said at once.
        seconds: after which one more is.
    """

    def __init__(self, burst: int = 1, seconds: float = 1.0) -> None:
        self._ahead = (burst - 1) * seconds
        self._seconds = seconds
        self._of: dict[Hashable, tuple[float, int]] = {}  # what was said is paid by then; unsaid

    def times(self, kind: Hashable, now: float) -> int:
        """For how many the line stands that is to be said now, its own included; 0: say none.

        Args:
            kind: one of few: all of them are kept.
            now: seconds that only go on.
        """
        paid, unsaid = self._of.get(kind, (now, 0))
        if paid - now > self._ahead:
            self._of[kind] = (paid, unsaid + 1)
            return 0
        self._of[kind] = (max(paid, now) + self._seconds, 0)
        return unsaid + 1
