"""Action: rotate the key that we send with at the suspect; the old one is revoked last.

A new key is created, proved by a call, written in place of the old one in its file, picked up by
every process, proved once more, and only then the old one is revoked: there is always one that
works.
"""

from collections.abc import Mapping

from mailkeep.base.clock import SECOND
from mailkeep.response.keysmith import Keysmith
from mailkeep.response.types import Preview

from .port import Action, At, Case, Means, Progress

SETTLES = 30 * SECOND  #: longer than it takes every process to read the file again


async def preview(at: At) -> Preview:
    name = at.case.provider
    holder = at.means.keyrings.get(name)
    if holder is None or not holder.able:
        steps = (holder.by_hand,) if holder is not None else ()
        words = f"No API that we speak rotates the key of {name} here: a person does it."
        return Preview(words, 0, idle=True, by_hand=steps)
    return Preview(
        f"A new key is made at {name}, shown to work, and put in the place of the old one; then "
        "the old one is revoked.",
        1,
        ("whatever else sends with the old key at that account stops",),
        needs_person=True,
    )


async def call_out(means: Means, case: Case, before: Progress) -> Mapping[str, str]:
    smith = Keysmith(means.keyrings[case.provider])
    result = {name: str(value) for name, value in before.result.items()}
    match before.cursor:
        case "":
            old = result.get("old") or smith.in_use()
            return {"old": old, "new": await smith.make(name_of(case))}
        case "made":
            await smith.prove(result["new"])
            smith.put_in_use(result["new"])
        case "in_use":
            await smith.prove(result["new"])
            await smith.revoke(result["old"])
    return {}


def name_of(case: Case) -> str:
    """What the new key is called at the provider: the same for whoever goes on with it."""
    return f"mailkeep {case.incident.id}"


async def step(at: At) -> Progress:
    result = {**at.before.result, **(at.called or {})}
    match at.before.cursor:
        case "":
            return Progress(False, result, "made")
        case "made":
            return Progress(False, result, "in_use", SETTLES)
        case _:
            return Progress(True, {**result, "revoked": 1}, "done")


ACTION = Action(
    "rotate_keys",
    "Replace the provider's key",
    preview,
    step,
    dangerous=True,
    alone_for=frozenset(),
    call_out=call_out,
    says="A new key takes the place of the one that we send with; the old one is revoked last.",
)
