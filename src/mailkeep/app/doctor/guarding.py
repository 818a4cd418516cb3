"""Doctor checks: accounts, namely password hashes, operators and classes (pure)."""

from mailkeep.accounts.classes import Classes
from mailkeep.base.wording import counted

from .catalogue import check
from .house import NO_SETTINGS
from .types import Said, Scene, failed, not_checked, ok, warning

QUICK, SLOW = 0.02, 1.0  #: seconds of one hash: cheap to guess at; a flood of sign-ins stands still
NO_ACCOUNTS = "Mailkeep keeps no accounts here: there is no [recovery]."


@check("accounts.hash")
def hashes(scene: Scene) -> list[Said]:
    """OWASP asks for what takes less than a second and as much memory as there is."""
    if scene.hash_seconds is None:
        return [not_checked(NO_SETTINGS if scene.settings is None else NO_ACCOUNTS)]
    took = f"One password hash takes {scene.hash_seconds * 1000:.0f} ms on this machine"
    if scene.hash_seconds < QUICK:
        return [warning(f"{took}: little for who guesses.", "report it: the cost should go up")]
    if scene.hash_seconds > SLOW:
        return [warning(f"{took}: few can sign in at once.", "give this machine more to work with")]
    return [ok(f"{took}.")]


@check("accounts.languages")
def languages(scene: Scene) -> list[Said]:
    """Owners read mail in one language, and not a part of it in another."""
    if scene.settings is None or scene.settings.recovery is None:
        return [not_checked(NO_SETTINGS if scene.settings is None else NO_ACCOUNTS)]
    return [
        warning(
            f"Owners who read {tag} read {counted(missing, 'text')} in English.",
            f"write what {tag}.toml lacks: docs/how-to/add-a-language.md",
            about=tag,
        )
        for tag, missing in scene.untranslated.items()
    ] or [ok("Every language that owners are written to in has all of its texts.")]


@check("accounts.breached")
def breached(scene: Scene) -> list[Said]:
    if scene.settings is None or scene.settings.recovery is None:
        return [not_checked(NO_SETTINGS if scene.settings is None else NO_ACCOUNTS)]
    if scene.breached:
        return [failed(f"The list of breached passwords: {scene.breached}.", "mend or remove it")]
    if not scene.settings.accounts.breached:
        return [
            warning(
                "Passwords that are in others' hands are told by how guessable they are only.",
                "point [accounts] breached to a list in the form of Have I Been Pwned",
            )
        ]
    return [ok("Passwords on the list of breached ones are not taken.")]


@check("accounts.operators")
def operators(scene: Scene) -> list[Said]:
    facts = scene.database
    if facts.missing or facts.error:
        return [not_checked("There is no database to ask.")]
    if facts.bare_operators:
        return [
            failed(
                f"{facts.bare_operators} of {facts.operators} operators have no second factor.",
                "see `mailkeep operators list`, and have them bind one",
            )
        ]
    if not facts.operators:
        return [ok("No account is an operator's.")]
    are = counted(facts.operators, "account is an operator's", "accounts are operators'")
    return [ok(f"{are}, each with a second factor.")]


@check("accounts.console")
def console(scene: Scene) -> list[Said]:
    facts = scene.database
    if facts.missing or facts.error:
        return [not_checked("There is no database to ask.")]
    if not facts.console_passkey:
        return [
            warning(
                "An API key alone opens the console: no operator has a passkey.",
                "make an account an operator's with `mailkeep operators`, and bind a passkey to it",
            )
        ]
    return [ok("The console asks for an operator's passkey beside the key.")]


@check("accounts.classes")
def classes(scene: Scene) -> list[Said]:
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    known = Classes(scene.settings.accounts.classes)
    lost = sorted(one for one in scene.database.classes if one not in known)
    if lost:
        return [
            warning(
                f"{scene.database.classes[name]} accounts are of class {name}, which the settings "
                "do not know: they are held to high-value as it comes.",
                f"add [accounts.class.{name}], or give them another with `mailkeep accounts class`",
                about=name,
            )
            for name in lost
        ]
    return [ok("Every account is of a class that the settings know.")]
