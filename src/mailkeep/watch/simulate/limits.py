"""Theoretical limits of detection delay, shown beside what was measured (pure)."""

import math


def gap(rate: float, days: float) -> float:
    """Seconds after which total loss can be told: ln(1 + λγ)/λ.

    CUSUM is optimal in Lorden's sense (Moustakides), and for the total loss of a Poisson stream it
    is an alarm on the gap.

    Args:
        rate: λ, confirmations a second.
        days: γ, between two false alarms.
    """
    return math.log1p(rate * days * 86_400) / rate


def partial(rate: float, part: float, days: float) -> float:
    """Seconds after which the loss of a part can be told, about: ln(λγ)/(λ(q + (1-q) ln(1-q)))."""
    kept = (1 - part) * math.log(1 - part) if part < 1 else 0.0
    return math.log(rate * days * 86_400) / (rate * (part + kept))


def resets(factor: float, base: float, days: float) -> float:
    """Attack resets before a surge of ``factor`` times the base can be told, about.

    Each second of the surge tells λ(f ln f - (f - 1)) nats; ln(1 + λγ) are needed.

    Args:
        base: λ, resets a second.
    """
    needed = math.log1p(base * days * 86_400)
    told = base * (factor * math.log(factor) - (factor - 1))
    return (factor - 1) * base * needed / told
