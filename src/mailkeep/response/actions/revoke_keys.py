"""Action: revoke the key that we send with at the suspect, without a replacement.

Only of a provider that is cut off: our last key there is given up when nothing of ours needs it.
Whoever has stolen it can no longer send as us.
"""

from collections.abc import Mapping

from mailkeep.base.errors import Conflict
from mailkeep.mail import queries as mail
from mailkeep.response.keysmith import Keysmith
from mailkeep.response.types import Preview

from .port import Action, At, Case, Means, Progress


async def preview(at: At) -> Preview:
    name = at.case.provider
    holder = at.means.keyrings.get(name)
    if holder is None or not holder.able:
        steps = (holder.by_hand,) if holder is not None else ()
        words = f"No API that we speak revokes the key of {name} here: a person does it."
        return Preview(words, 0, idle=True, by_hand=steps)
    if name not in await mail.cut(at.tx):
        words = f"{name} is not cut off: its last key is not revoked while mail goes through it."
        return Preview(words, 0, idle=True)
    return Preview(
        f"The key that we send with at {name} works no more. It carries mail again only with "
        "another key.",
        1,
        ("whatever else sends with that key at that account stops", "it is not taken back"),
        needs_person=True,
    )


async def call_out(means: Means, case: Case, before: Progress) -> Mapping[str, str]:
    del before
    async with means.database.read() as tx:
        if case.provider not in await mail.cut(tx):
            raise Conflict(f"{case.provider} is not cut off: its last key is not revoked")
    smith = Keysmith(means.keyrings[case.provider])
    key = smith.in_use()
    await smith.revoke(key)
    return {"key": key}


async def step(at: At) -> Progress:
    if at.called is None:
        raise Conflict("the key was not revoked")
    return Progress(True, {**at.called, "revoked": 1})


ACTION = Action(
    "revoke_keys",
    "Revoke the provider's key",
    preview,
    step,
    dangerous=True,
    alone_for=frozenset(),
    call_out=call_out,
    says="The key that we send with is given up, once no mail goes through the provider.",
)
