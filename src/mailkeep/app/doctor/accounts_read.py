"""Doctor checks: our accounts at providers can be read and watched (pure)."""

from mailkeep.app.wiring_posture import shares_key
from mailkeep.providers.posture import registry

from .catalogue import check
from .house import NO_SETTINGS
from .types import Said, Scene, not_checked, ok, warning


@check("posture.watched")
def watched(scene: Scene) -> list[Said]:
    """For which providers a change of our account would be noticed."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    posture = scene.settings.posture
    read = set() if posture is None else {one.name for one in posture.account}
    out = []
    for one in scene.settings.provider:
        if one.name in read:
            out.append(ok(f"Our account at {one.name} is read and compared.", one.name))
        elif one.kind not in registry.ACCOUNTS:
            why = registry.WITHOUT.get(one.kind, "no module reads it")
            words = f"Nobody sees what is changed in our account at {one.name}: {why}."
            out.append(not_checked(words, about=one.name))
        else:
            words = f"Nobody sees what is changed in our account at {one.name}: it is not read."
            step = (
                f"make a key there that only reads, and name it in [[posture.account]] {one.name}"
            )
            out.append(warning(words, step, about=one.name))
    return out


@check("posture.keys")
def keys(scene: Scene) -> list[Said]:
    """Whether a thief of a reading key could send."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    posture = scene.settings.posture
    if posture is None or not posture.account:
        return [not_checked("No account at a provider is read.")]
    out = []
    for one in posture.account:
        shared = shares_key(scene.settings, one)
        if scene.development and shared:
            out.append(not_checked("Stand-ins have one key each.", about=one.name))
        elif shared or scene.database.reading_keys.get(one.name):
            words = f"The key that reads our account at {one.name} can also send."
            step = f"make one there that only reads, for [[posture.account]] {one.name}"
            out.append(warning(words, step, about=one.name))
        elif scene.database.reading_keys.get(one.name, None) is None:
            words = f"Whether the key that reads {one.name} could send is not told by its API."
            out.append(not_checked(words, about=one.name))
        else:
            out.append(ok(f"The key that reads {one.name} cannot send.", one.name))
    return out
