"""A reason that a person gives for what they do, as the audit log keeps it."""

from .errors import Invalid

LONGEST = 200  #: characters


def given(reason: str, ask: str = "say why") -> str:
    """The reason, whole: one that is too long is refused rather than cut, since whoever reads the
    log later would not know what is missing.

    Args:
        ask: how the message begins.

    Raises:
        Invalid: there is none, or it is longer than ``LONGEST``.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST:
        raise Invalid(f"{ask}, in 1 to {LONGEST} characters", field="reason")
    return reason
