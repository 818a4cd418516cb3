"""Doctor checks: which promises hold at the current level of adoption, and which detectors see
nothing yet (pure)."""

from collections.abc import Collection, Mapping

from mailkeep.app import detector_blindness, wiring_observation
from mailkeep.app.settings import Settings
from mailkeep.mail.copies import NONE_CAME
from mailkeep.providers import registry
from mailkeep.recovery import rehearsed
from mailkeep.watch.levels import PROMISES, SEES, Level, at

from .catalogue import check
from .house import NO_SETTINGS
from .types import Said, Scene, not_checked, ok, warning

NAMES = (
    "No single third party can take over an account",
    "No mail is lost",
    "A fallen provider is noticed and accounted for",
)
SILENT = 14.0  #: days in which somebody signs in somewhere
NEXT: Mapping[Level, str] = {
    Level.OBSERVE: 'give one stream two providers with keys that send, and set level = "carry"',
    Level.CARRY: "add [recovery] with a stream that has two independent routes, and set"
    ' level = "rehearse" while your application keeps its own reset',
    Level.REHEARSE: 'set level = "share", and hand a few users over: mailkeep applications share',
    Level.SHARE: 'raise the shares step by step; at 100 set level = "recover"',
}
#: Detectors that hear of a provider by its webhooks.
BY_HOOKS = (
    *("delivery_silence", "unknown_message", "accepted_not_delivered"),
    "redeemed_undelivered",
)
QUIET = 1.0  #: days in which mail goes out
_LEARNED = "somebody has learned the address: take a new edition"
#: Why copies are refused, and what to do; that they are known or old is nothing to do about.
REFUSED: Mapping[str, tuple[str, str]] = {
    "unsigned": (
        "no domain of senders signed them with whom they are from and to",
        f"have the provider sign (DKIM) with your domain; or {_LEARNED}",
    ),
    "foreign": (
        "they are from no domain of senders",
        f"add the domain to senders in [journal.copies]; or {_LEARNED}",
    ),
    "unknown-address": (
        "they came to no address of an edition that is taken",
        "mailkeep watch copies: set the address that it shows",
    ),
    "nobody": (
        "they show nobody but the address for copies",
        "send the copy as a BCC of the mail, and not as a mail of its own",
    ),
    "too-many": ("the day was full", "raise per_day in [journal.copies], or look who sends"),
}
#: What makes blind detectors see, the cheapest first: where the reason says so, and what to do.
STEPS = (
    ("was brought in", "look at what brings reports in (POST /v1/reports), and at its key"),
    ("[reports]", "have reports and notices sent to an address, and name it in [reports]"),
    ("[posture]", "make a key at a provider that only reads, and name it in [[posture.account]]"),
    ("[lookalikes]", "add the table [lookalikes]"),
    ("[[console_log]]", "bring the audit log of your identity provider in: [[console_log]]"),
    ("imap.trust", "add a mailbox elsewhere that says what passed: [[canary.mailbox]]"),
    ("[canary]", "add [canary] with a domain whose mail comes to us"),
    ("[[honey]]", "add an address to each provider that nobody else is given: [[honey]]"),
)


@check("level.promises")
def promises(scene: Scene) -> list[Said]:
    """Which promises hold at this level, and the step to the next."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    level = wiring_observation.level(scene.settings)
    shares = scene.database.shares if level is Level.SHARE else {}
    out = []
    if shares:
        words = ", ".join(f"{name} {share}%" for name, share in sorted(shares.items()))
        step = "" if min(shares.values()) == 100 else NEXT[level]
        words = f"Of the users of applications these are recovered here: {words}."
        out.append(warning(words, step, level.value) if step else ok(words, level.value))
    for name, held in zip(NAMES, PROMISES[level], strict=True):
        if held == "yes":
            out.append(ok(f"{name}: yes, once nothing here fails.", level.value))
        else:
            out.append(warning(f"{name}: {held}.", NEXT[level], level.value))
    return out


@check("level.detectors")
def detectors(scene: Scene) -> list[Said]:
    """Which detectors see nothing that could see something at this level."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    level = wiring_observation.level(scene.settings)
    off, able, heard = (
        detector_blindness.reasons(scene.settings, scene.database.reports),
        at(level),
        detector_blindness.hooked(scene.settings),
    )
    dark = {name: off[name] for name in able if off[name]}
    # One provider that is heard lets a detector see; of the others it sees nothing all the same.
    deaf = [name for name, hears in heard.items() if not hears]
    by_hooks = [name for name in BY_HOOKS if name in able and not off[name]]
    if "delivery_silence" in by_hooks and scene.settings.canary is not None:
        by_hooks.remove("delivery_silence")
    count = f"{len(able) - len(dark)} of {len(SEES)} detectors see something"
    words = f"{count}, all that can at this level."
    if dark:
        said = "; ".join(f"{name}: {why}" for name, why in sorted(dark.items()))
        words = f"{count}. Blind: {said}."
    if deaf and by_hooks:
        some, of = ", ".join(by_hooks), ", ".join(deaf)
        words += f" No webhooks of {of} are read, so {some} see nothing of it."
        return [warning(words, _hear(scene.settings, deaf), level.value)]
    if not dark:
        return [ok(words, level.value)]
    return [warning(words, _step(dark, hooked=any(heard.values())), level.value)]


@check("recovery.rehearsed")
def rehearsal(scene: Scene) -> list[Said]:
    """What would have become of the resets that applications keep, and the cheapest step to it."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    level = wiring_observation.level(scene.settings)
    if level not in {Level.REHEARSE, Level.SHARE}:
        return [not_checked(f"At the level {level.value} no reset is rehearsed.")]
    found = scene.database.resets
    out = [
        warning(
            f"{name} told of as many resets today as are kept: the rest is not rehearsed.",
            "look who asks so often, and at its key; or raise rehearsals in [recovery]",
            name,
        )
        for name in scene.database.resets_full
    ]
    if not found.asked:
        step = "have your application send each reset to POST /v1/resets before it starts"
        return [*out, warning("No application told of a reset in the last week.", step)]
    words = f"In the last week, {rehearsed.sentence(found)}."
    step = rehearsed.step(found)
    return [*out, warning(words, step) if step else ok(words)]


@check("console_log.heard")
def heard(scene: Scene) -> list[Said]:
    """Whether audit logs still come and are kept: one that stopped, or is full, sees nobody."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    out = []
    for one in scene.settings.console_log:
        days = scene.database.logs.get(one.name)
        step = f"look at what sends to /v1/observations/audit/{one.name}, and at its key"
        if days is None:
            out.append(warning(f"The audit log {one.name} never told of anything.", step, one.name))
        elif days > SILENT:
            words = f"The audit log {one.name} has told of nothing for {days:.0f} days."
            out.append(warning(words, step, one.name))
        elif acts := scene.database.full.get(one.name):
            words = f"The audit log {one.name} told of too much today ({acts}): lines are refused."
            step = f"mailkeep watch consoles: look whose they are; or raise per_day of {one.name}"
            out.append(warning(words, step, one.name))
        else:
            out.append(ok(f"The audit log {one.name} is heard.", one.name))
    return out or [not_checked("No audit log of others is brought in ([[console_log]]).")]


@check("journal.copies")
def copied(scene: Scene) -> list[Said]:
    """Whether copies of mail still come, and are signed by a domain of ours."""
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    journal = scene.settings.journal
    if journal is None or journal.copies is None:
        return [not_checked("No copies of mail are taken in ([journal.copies]).")]
    out = []
    for name in journal.copies.providers or sorted(scene.settings.provider_names()):
        days = scene.database.copies.get(name)
        step = f"mailkeep watch copies: set the address of {name} as BCC, there or in what sends"
        if days is None:
            out.append(warning(f"No copy of mail by {name} ever came.", step, name))
        elif days > QUIET:
            out.append(warning(f"No copy of mail by {name} came for {days:.0f} days.", step, name))
        else:
            out.append(ok(f"Copies of mail by {name} come.", name))
    for why, count in scene.database.copies_refused.items():
        if why == NONE_CAME:
            words = f"Of {count} events no copy came, as none came at all: they are not judged."
            out.append(warning(words, "see that copies reach us: DNS, the port, the BCC"))
        elif why in REFUSED:
            words, step = REFUSED[why]
            out.append(warning(f"{count} copies were refused since yesterday: {words}.", step))
    return out


def _hear(settings: Settings, deaf: Collection[str]) -> str:
    """How providers whose webhooks are not read can be heard."""
    able = [
        one.name
        for one in settings.provider
        if one.name in deaf and registry.get(one.kind).capabilities.reports_deliveries
    ]
    if able:
        return f"copy the webhooks of {', '.join(able)} to /hooks/NAME, and set webhook_secret"
    if settings.canary is None and wiring_observation.level(settings) is not Level.OBSERVE:
        return "add [canary]: canaries see that a relay loses mail, whoever runs it"
    return "a relay tells nothing here: read its account ([[posture.account]]) and DMARC reports"


def _step(blind: Mapping[str, str], *, hooked: bool) -> str:
    """The cheapest step by which one of them sees."""
    reasons = " ".join(blind.values())
    if "journal" in reasons or "webhooks" in reasons:
        if not hooked:
            return "copy a provider's webhooks to /hooks/NAME, and set its webhook_secret"
        return "add [journal], and have your application tell what it sends"
    return next((step for where, step in STEPS if where in reasons), "see docs/detectors.md")
