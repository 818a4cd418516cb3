"""The script's instants: the 7th to the 9th of August 2022, compressed into minutes (pure)."""

from dataclasses import dataclass

from .record import Moment


@dataclass(frozen=True, slots=True)
class Plan:
    """When things happen, in seconds since the drill began.

    Attributes:
        foreign: from here on the fallen provider's mails carry a stranger's address (7 August).
        leak: from here on the thief reads what passes there.
        attack, attack_for: when he begins to ask for resets, and over how long.
        denial: when a customer says "this was not me" (8 August).
        suspend: when the provider drops all mail and goes on saying yes (8 August, 15:30).
        leave: when the operator moves its mail to the standby, and leaves it for good (9 August);
            None: nobody does.
        end: when the last background mail is sent.
        settle: how long mail may still arrive after that.
        honest: when customers ask for resets that they want.
    """

    foreign: float
    leak: float
    attack: float
    attack_for: float
    denial: float
    suspend: float
    end: float
    settle: float
    honest: tuple[tuple[Moment, float], ...]
    leave: float | None = None


USUAL = Plan(
    foreign=30.0,
    leak=35.0,
    attack=40.0,
    attack_for=35.0,
    denial=78.0,
    suspend=120.0,
    end=184.0,
    settle=15.0,
    honest=(
        ("before", 3.0),
        ("before", 5.0),
        ("during", 50.0),
        ("during", 55.0),
        ("after", 135.0),
        ("after", 138.0),
    ),
    leave=158.0,
)
FAST = Plan(
    foreign=8.0,
    leak=10.0,
    attack=12.0,
    attack_for=8.0,
    denial=22.0,
    suspend=72.0,
    end=126.0,
    settle=8.0,
    honest=(("before", 1.0), ("during", 13.0), ("after", 85.0)),
    leave=104.0,
)
