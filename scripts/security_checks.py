"""Write ``docs/security/checks.md``: what standards ask of accounts, and the tests that hold it.

Usage: ``python scripts/security_checks.py`` writes the page; ``--check`` says what is wrong and
ends with 1. A test holds a check when it carries ``@pytest.mark.check("ASVS 6.4.3")``; a check that
no test holds has its reason in ``WITHOUT``.

The standards: NIST SP 800-63B-4 (``63B``), OWASP ASVS 5.0 (``ASVS``), and what OWASP's sheet on
forgotten passwords asks beyond them (``Reset``). The words are ours; read theirs before you rely
on them.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security" / "checks.md"

CHECKS: Mapping[str, str] = {
    "63B 2.2": "Customers can choose a second factor that no page can phish",
    "63B 2.2.3": "A session ends after a day, and after an hour without use, unless set otherwise",
    "63B 3.1.1.2": "Passwords: a slow salted hash, guessable ones refused, guesses throttled, 15 "
    "characters or 8 beside a factor, no rules about kinds of characters",
    "63B 3.1.2.2": "Saved codes of fewer than 112 bits are kept under a salted password hash",
    "63B 3.1.3.1": "Mail is no factor of signing in",
    "63B 3.2.2": "No factor can be answered wrongly more than 100 times in a row",
    "63B 4.1": "Every factor that was ever bound is on record, with its time and its source",
    "63B 4.1.2.1": "To add a factor takes all that signing in takes, and is told another way",
    "63B 4.2": "A password is not replaced without the factor that still works",
    "63B 4.2.1.1": "Saved codes have 64 bits or more, are hashed, throttled, and used up",
    "63B 4.2.1.2": "Mailed codes have six digits or more and live for a day at most, by SMS ten "
    "minutes; an account may have several addresses",
    "63B 4.2.2.2": "To recover an account with a factor takes two codes by different ways, or one "
    "and a factor",
    "63B 4.2.3": "Every recovery is told to the owner",
    "63B 4.3": "What may be compromised proves nothing from then on",
    "63B 4.6": "Notices go to every address and say what to do if it was somebody else",
    "63B 5.1": "A session's secret has 64 bits or more, opens nothing after signing out, and no "
    "other site can use it",
    "63B 5.1.1": "Session cookies are Secure, HttpOnly, SameSite, of one host, and say nothing",
    "63B 5.3": "Where fraud is suspected sessions end, or somebody is told",
    "ASVS 2.3.1": "No step of a flow can be left out",
    "ASVS 15.2.2": "What is slow to do is bounded, and holds nothing else up",
    "ASVS 15.4.2": "Looking and using up are one act",
    "ASVS 2.4.1": "Whatever sends mail is bounded",
    "ASVS 6.1.1": "Limits on guessing are documented, and lock no owner out",
    "ASVS 6.1.3": "Every way into an account is documented",
    "ASVS 6.3.4": "Every way into an account is equally strong",
    "ASVS 6.2.12": "Passwords that were in a breach are refused",
    "ASVS 6.3.3": "A second factor can be made a duty",
    "ASVS 6.3.5": "Owners are told of suspicious tries",
    "ASVS 6.3.7": "Owners are told when a credential or an address changes",
    "ASVS 6.3.8": "Nobody learns whether there is an account, by words or by time",
    "ASVS 6.4.3": "A reset passes no second factor by",
    "ASVS 6.4.4": "Who has lost a factor proves as much as who adds one",
    "ASVS 6.4.6": "Staff may begin a reset and never choose the password",
    "ASVS 6.5.1": "A code counts once",
    "ASVS 6.5.2": "Codes of fewer than 112 bits are kept under a slow salted hash",
    "ASVS 6.5.5": "Codes that sign in live for ten minutes at most, those of an app for 30 seconds",
    "ASVS 6.5.6": "Every factor can be revoked",
    "ASVS 6.6.2": "A code is good for the request that it was sent for",
    "ASVS 6.6.3": "Codes cannot be guessed by trying",
    "ASVS 8.2.1": "Each route takes only the keys that it is for",
    "ASVS 7.2.4": "Signing in makes a new session secret",
    "ASVS 7.4.1": "A session that has ended opens nothing",
    "ASVS 7.4.2": "Closing an account ends its sessions",
    "ASVS 7.4.3": "After a credential changed, every other session can be ended",
    "ASVS 7.4.5": "Operators can end the sessions of a customer",
    "ASVS 7.5.2": "Customers see their sessions and can end each",
    "ASVS 7.5.1": "What recovers an account does not change without full proof of its owner",
    "ASVS 7.5.3": "What is dear asks for the proof again",
    "ASVS 9.2.2": "A token of one kind does not pass for another",
    "ASVS 9.2.3": "A token is good for whom it was made",
    "ASVS 9.2.4": "One key that signs for several says in the token for whom",
    "ASVS 11.5.1": "What must not be guessed has 128 random bits or more",
    "ASVS 13.1.1": "The services that we depend on are documented",
    "ASVS 13.1.3": "What happens when one of them fails is documented",
    "ASVS 16.5.2": "When a service fails, nothing becomes less safe",
    "ASVS 13.3.1": "Secrets stand in no code, in no settings, and in no database in clear",
    "ASVS 14.2.1": "No secret is in a URL that a server is asked for",
    "ASVS 16.2.5": "Logs show no secret",
    "ASVS 16.3.1": "Every sign-in and every failed one is on record",
    "ASVS 16.3.3": "Tries to get around a protection are on record",
    "ASVS 16.4.2": "Records cannot be altered unseen",
    "ASVS 16.4.3": "Records are also kept where this machine cannot write",
    "Reset: lockout": "Asking for a reset locks nothing",
    "Reset: sign-in": "A reset does not sign in",
    "Reset: time": "Answers take as long whether there is an account or not",
    "Reset: host": "Links in mails do not follow what a request says of our name",
    "Reset: referrer": "Pages with secrets tell no other site where one came from",
}

_SOON = "not built yet: "

#: Checks that no test holds, and why.
WITHOUT: Mapping[str, str] = {
    "ASVS 6.1.3": "the ways in are listed in `docs/reference.md` and `docs/explanation/`: a "
    "password with its factor, a passkey, a recovery",
    "ASVS 13.1.3": "`docs/explanation/two-routes.md`, `docs/explanation/recovery.md` and"
    " `docs/runbooks/alerts.md` say it for each",
}


def marked(tests: Path = ROOT / "tests") -> dict[str, list[str]]:
    """The tests that hold each check, as ``path::name``, read and not run."""
    found: dict[str, list[str]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        text = path.read_text()
        if "mark.check(" not in text:
            continue
        for test, check in _marks(ast.parse(text)):
            name = f"{path.relative_to(ROOT)}::{test}"
            if name not in found.setdefault(check, []):
                found[check].append(name)
    return found


def wrong(found: Mapping[str, list[str]]) -> list[str]:
    """What does not add up: checks that nobody holds, words for nothing."""
    out = [f"{one}: no such check" for one in found if one not in CHECKS]
    answered = {*found, *WITHOUT}
    out += [f"{one}: neither a test nor a reason" for one in CHECKS if one not in answered]
    out += [f"{one}: a reason, and a test too" for one in WITHOUT if one in found]
    out += [f"{one}: a reason for no check" for one in WITHOUT if one not in CHECKS]
    return out


def page(found: Mapping[str, list[str]]) -> str:
    """The page."""
    held = sum(one in found for one in CHECKS)
    soon = sum(reason.startswith(_SOON) for reason in WITHOUT.values())
    count = (
        f"{len(CHECKS)} checks: {held} are held by tests, {len(WITHOUT) - soon} do not apply or "
        f"are held otherwise, {soon} are not built yet."
    )
    lines = [
        "# What the standards ask of accounts, and what holds it",
        "",
        "<!-- Made by scripts/security_checks.py; a test fails when it is stale. -->",
        "",
        count,
        "",
        "`63B` is NIST SP 800-63B-4, `ASVS` OWASP's ASVS 5.0, `Reset` OWASP's sheet on forgotten",
        "passwords. The words are ours. A test carries the mark `check` with the id of what it",
        "holds; where several do, each holds a part.",
        "",
        "| check | what | held by |",
        "|---|---|---|",
    ]
    for check, words in CHECKS.items():
        if check in found:
            by = "<br>".join(f"`{one}`" for one in found[check])
        else:
            by = WITHOUT.get(check, "**nothing**")
        lines.append(f"| {check} | {words} | {by} |")
    return "\n".join(lines) + "\n"


def _marks(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for one in node.decorator_list:
            if isinstance(one, ast.Call) and ast.unparse(one.func) == "pytest.mark.check":
                for argument in one.args:
                    yield node.name, str(ast.literal_eval(argument))


def main() -> None:
    """Write the page, or say what is wrong with it."""
    found = marked()
    problems = wrong(found)
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text() != page(found):
            problems.append("docs/security/checks.md is stale: python scripts/security_checks.py")
    else:
        PAGE.write_text(page(found))
    sys.stdout.write("".join(f"{one}\n" for one in problems))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
