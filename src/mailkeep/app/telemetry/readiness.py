"""Decides whether this process is ready to receive requests (pure)."""

import msgspec

#: A relay does its step twice a second; one that could not for so long has no database, or hangs.
SILENT_SECONDS = 15.0


class Seen(msgspec.Struct, frozen=True):
    """What is known of the process.

    Attributes:
        wrote: seconds since any loop that writes did its step to the end.
        placed: seconds since the relay did.
        dispatching: the dispatcher's loop has not ended.
        schema: the database has the schema of this version.
        stopping: the process is asked to end.
    """

    wrote: float
    placed: float
    dispatching: bool
    schema: bool
    stopping: bool


CHECKS = ("schema", "database", "dispatch", "relay", "running")


def checks(seen: Seen) -> dict[str, bool]:
    """Each check by its name, True when it passes; the process is ready when all pass."""
    return {
        "schema": seen.schema,
        "database": seen.wrote < SILENT_SECONDS,
        "dispatch": seen.dispatching,
        "relay": seen.placed < SILENT_SECONDS,
        "running": not seen.stopping,
    }
