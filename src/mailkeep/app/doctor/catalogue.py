"""The registry of doctor checks: ``@check`` adds a function to it."""

from collections.abc import Callable, Sequence
from types import ModuleType

from .types import Finding, Said, Scene

Check = Callable[[Scene], list[Said]]

#: By id.
CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Decorator: the function is the check of that id."""

    def keep(function: Check) -> Check:
        if CHECKS.setdefault(name, function) is not function:
            raise ValueError(f"two checks are called {name}")
        return function

    return keep


def run(scene: Scene, order: Sequence[ModuleType]) -> list[Finding]:
    """What all of them say (pure, but for the questions that DNS is left with).

    Args:
        order: the modules with checks, as the report goes through them.
    """
    places = {module.__name__: place for place, module in enumerate(order)}
    checks = sorted(CHECKS.items(), key=lambda one: places[one[1].__module__])
    return [
        Finding(name, said.state, said.meaning, said.next, said.about)
        for name, function in checks
        for said in function(scene)
    ]
