"""Checks the settings ``[recovery]``."""

from collections.abc import Mapping
from typing import Protocol

from mailkeep.base.errors import BadSettings
from mailkeep.base.wording import nearest
from mailkeep.mail.types import StreamSettings
from mailkeep.recovery.types import RecoverySettings, WhenAlone


class Guarding(Protocol):
    """The settings as far as they are about recoveries."""

    @property
    def recovery(self) -> RecoverySettings | None: ...

    def streams(self) -> Mapping[str, StreamSettings]: ...


def check(settings: Guarding) -> None:
    """The streams that recoveries use must be there, and the proofs' must be a secret one."""
    if settings.recovery is None:
        return
    streams = settings.streams()
    for field, name in (
        ("stream", settings.recovery.stream),
        ("notices", settings.recovery.notices),
        ("confirmations", settings.recovery.confirmations),
    ):
        if name not in streams:
            raise BadSettings(f"recovery: {field}: no stream {name!r}{nearest(name, streams)}")
        if streams[name].suppress:
            raise BadSettings(
                f"stream {name}: suppress: take it out: a list must not keep {field} from owners"
            )
        if field != "notices" and not streams[name].secret:
            raise BadSettings(f"recovery: {field}: stream {name} must be secret = true")

    if settings.recovery.hold_alone < 3600:
        raise BadSettings("recovery: hold_alone must be an hour at least: it stands for a factor")
    alone = settings.recovery.when_alone is WhenAlone.DEGRADE
    if alone and settings.recovery.hold_long < 3600:
        raise BadSettings("recovery: with degrade, hold_long must be an hour at least")
    for name in ("hold", "hold_long", "hold_most", "hold_open"):
        if getattr(settings.recovery, name) < 0:
            raise BadSettings(f"recovery: {name} is below 0")
