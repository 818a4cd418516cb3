"""Doctor checks: the installation itself, namely settings, home, database, secrets, clocks and keys
(pure)."""

from urllib.parse import urlsplit

from mailkeep.base.networks import LOOPBACK
from mailkeep.base.wording import counted
from mailkeep.providers import registry

from .catalogue import check
from .types import Said, Scene, failed, not_checked, ok, warning

WAL_FAULT_MENDED = (3, 51, 3)
LITTLE, HARDLY_ANY = 1 << 30, 100 << 20  #: bytes free on the disk
SKEW_WARNS, SKEW_FAILS = 10.0, 120.0  #: seconds; signatures of providers are good for minutes
AHEAD_FAILS = 30.0  #: seconds; processes' clocks differ by less
CLAIMS_DAYS = 30.0  #: providers repeat a webhook for weeks
NO_SETTINGS = "There are no settings to look at."
_STEP = "set the variable or the file; run the doctor in the environment of the service"

_OF_PROVIDERS = frozenset({("provider", "secret"), ("provider", "webhook_secret")})


@check("settings")
def settings(scene: Scene) -> list[Said]:
    if scene.settings is None:
        said = scene.error.rstrip(".") + ("" if scene.error.endswith("?") else ".")
        return [failed(f"The settings cannot be used: {said}", "set right what is named")]
    return [ok("The settings can be read, and every word in them is known.")]


@check("home.permissions")
def permissions(scene: Scene) -> list[Said]:
    open_ = [path for path, mode in scene.modes.items() if mode & 0o077]
    if not scene.modes:
        return [not_checked("There is no home directory yet.", "start `mailkeep up` once")]
    if open_:
        return [
            failed(
                f"Others on this machine may read {one}, which holds keys or mail.",
                f"chmod go= {one}",
                about=one,
            )
            for one in open_
        ]
    return [ok("The home, the keys and the database are for their owner's eyes only.")]


@check("disk.free")
def disk(scene: Scene) -> list[Said]:
    free = f"{scene.free // (1 << 20)} MiB are free where the home is"
    if not scene.modes:
        return [not_checked("There is no home directory yet.")]
    if scene.free < HARDLY_ANY:
        return [failed(f"Only {free}: soon no mail is taken in.", "make room on that disk")]
    if scene.free < LITTLE:
        return [warning(f"{free}; a long outage of providers fills it.", "make room on that disk")]
    return [ok(f"{free}.")]


@check("database.schema")
def schema(scene: Scene) -> list[Said]:
    facts = scene.database
    if facts.missing:
        return [not_checked("There is no database yet.", "start `mailkeep up` once")]
    if facts.error:
        return [failed(f"The database cannot be used: {facts.error}.", "see that it is running")]
    if facts.schema is None:
        return [not_checked("The database is empty.", "start `mailkeep up` once")]
    if facts.schema not in scene.schemas:
        return [
            failed(
                f"The database has schema {facts.schema}, which this version does not know: it was "
                "used by a newer one.",
                "install the newer version again",
            )
        ]
    if facts.schema != scene.schemas[0]:
        return [
            warning(
                f"The database has schema {facts.schema}, this version {scene.schemas[0]}.",
                "make a backup, then restart `mailkeep up`, which brings it up to date",
            )
        ]
    return [ok(f"The database answers, and its schema {facts.schema} is this version's.")]


@check("database.sqlite")
def sqlite(scene: Scene) -> list[Said]:
    facts = scene.database
    if facts.missing or facts.error:
        return [not_checked("There is no database to ask.")]
    if not facts.sqlite:
        return [ok("The database is PostgreSQL; SQLite's faults do not concern it.")]
    version = ".".join(map(str, facts.sqlite_version))
    out = []
    if facts.sqlite_version < WAL_FAULT_MENDED:
        out.append(
            warning(
                f"SQLite {version} can, rarely, damage the database when its log is reset while "
                "another connection writes (mended in 3.51.3).",
                "run on a Python with SQLite 3.51.3 or later, or on PostgreSQL",
                about="version",
            )
        )
    else:
        out.append(ok(f"SQLite {version} is free of the fault in resetting its log.", "version"))
    if facts.journal != "wal" or facts.synchronous < 2:
        out.append(
            failed(
                f"The database keeps its log as {facts.journal} and syncs at level "
                f"{facts.synchronous}: what was acknowledged may be lost with the power.",
                "put the home on a local disk, where SQLite can use WAL",
                about="durability",
            )
        )
    else:
        out.append(ok("Every commit is on the disk before it is acknowledged.", "durability"))
    return out


@check("database.password")
def password(scene: Scene) -> list[Said]:
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    written = scene.settings.database.startswith("postgresql:")
    if written and urlsplit(scene.settings.database).password:
        return [
            warning(
                "The settings hold the database's password in clear.",
                'move the URL to the environment: database = "env:DATABASE_URL"',
            )
        ]
    return [ok("No password of a database stands in the settings.")]


@check("queue")
def queue(scene: Scene) -> list[Said]:
    facts = scene.database
    if facts.missing or facts.error or facts.schema is None:
        return [not_checked("There is no database to ask.")]
    out = []
    if facts.overdue:
        out.append(
            warning(
                counted(facts.overdue, "message waits", "messages wait")
                + " that should have left two minutes ago.",
                "see `mailkeep providers list` and `mailkeep watch`",
                about="overdue",
            )
        )
    if facts.given_up:
        out.append(
            warning(
                f"{counted(facts.given_up, 'message was', 'messages were')} given up within a day.",
                "see `mailkeep messages list --status given_up`",
                about="given up",
            )
        )
    return out or [ok("Nothing waits that should have left, and nothing was given up in a day.")]


@check("clock")
def clock(scene: Scene) -> list[Said]:
    out = []
    if scene.database.ahead > AHEAD_FAILS:
        # It never goes back: a clock that was wrong for a moment stops it until that has come.
        out.append(
            failed(
                f"The log's time is {scene.database.ahead:.0f} seconds ahead of our clock, which "
                "was wrong or is: until then time stands still for the detectors, and silence is "
                "not seen.",
                "keep this machine's clock by NTP; until then look at mail and canaries yourself",
                about="log",
            )
        )
    for name, skew in scene.skews.items():
        if isinstance(skew, str):
            out.append(not_checked(f"The clock of {name} is not known: {skew}.", about=name))
        elif abs(skew) > SKEW_WARNS:
            worst = failed if abs(skew) > SKEW_FAILS else warning
            out.append(
                worst(
                    f"Our clock and that of {name} differ by {abs(skew):.0f} seconds; signatures "
                    "and codes are judged by ours.",
                    "keep this machine's clock by NTP",
                    about=name,
                )
            )
        else:
            out.append(ok(f"Our clock agrees with that of {name}.", name))
    why = scene.offline or "none has one"
    return out or [not_checked(f"No provider's clock was asked; {why}.")]


@check("secrets.provider")
def provider_secrets(scene: Scene) -> list[Said]:
    return _secrets(scene, "secret")


@check("secrets.webhook")
def webhook_secrets(scene: Scene) -> list[Said]:
    out = []
    for one in scene.providers:
        if registry.get(one.kind).capabilities.webhook_auth != "none" and not one.webhook_secret:
            out.append(
                warning(
                    f"{one.name} has no webhook_secret: nothing that it reports is believed.",
                    f"set webhook_secret of {one.name}",
                    about=one.name,
                )
            )
    return out + _secrets(scene, "webhook_secret", quiet=bool(out))


@check("secrets.other")
def other_secrets(scene: Scene) -> list[Said]:
    """Those of every other table; the start stops at the first that is not there."""
    if scene.settings is None or scene.development:
        return _secrets(scene, "secret")
    found = [one for one in scene.secrets if (one.table, one.field) not in _OF_PROVIDERS]
    out = [
        failed(f"{one.about} cannot be used: {one.wrong}.", _STEP, about=one.about)
        for one in found
        if one.wrong
    ]
    if not found:
        return [not_checked("No other table of the settings names a secret.")]
    return out or [ok("Every other secret that the settings name is there, and of the right form.")]


@check("public_url")
def public_url(scene: Scene) -> list[Said]:
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    url = urlsplit(scene.settings.public_url)
    if url.scheme == "https":
        return [ok("People and webhooks reach us over https.")]
    if url.hostname in LOOPBACK:
        return [
            warning(
                "public_url is this machine only: no provider can report, no customer follow a "
                "link.",
                "set public_url to the https address of your proxy",
            )
        ]
    return [
        failed(
            "public_url is http: links, codes and reports travel in clear.",
            "put a proxy that speaks https in front, and say its address",
        )
    ]


@check("trusted_proxies")
def proxies(scene: Scene) -> list[Said]:
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    if scene.settings.public_url.startswith("https:") and not scene.settings.trusted_proxies:
        return [
            warning(
                "public_url is https, which a proxy must speak for us, and no proxy is trusted: "
                "the whole world is one network, and shares one network's limits.",
                "set trusted_proxies to the addresses of your proxies",
            )
        ]
    return [ok("Visitors are told apart by their networks.")]


#: What a thief of a key can do that is not bound to it.
_LOOSE = {
    "stream": "in every stream, also as a reset",
    "domain": "in the name of every domain",
    "network": "from everywhere",
}


@check("keys.scopes")
def scopes(scene: Scene) -> list[Said]:
    facts = scene.database
    if facts.missing or facts.error or facts.schema is None:
        return [not_checked("There is no database to ask.")]
    out = []
    for key in facts.keys:
        if "send" in key.scopes and key.unbound:
            loose = ", ".join(_LOOSE[one] for one in key.unbound)
            options = ", ".join(f"--{one}" for one in key.unbound)
            out.append(
                warning(
                    f"Whoever has the key {key.name!r} can send {loose}.",
                    f"make one with {options}, and revoke this one",
                    about=key.name,
                )
            )
        if {"send", "operate"} <= set(key.scopes):
            out.append(
                warning(
                    f"The key {key.name!r} both sends and acts on incidents.",
                    "make a key for each, and revoke this one",
                    about=key.name,
                )
            )
    return out or [ok("No API key may do more than it must.")]


@check("retention")
def retention(scene: Scene) -> list[Said]:
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    kept = scene.settings.retention
    if kept.claims < CLAIMS_DAYS:
        return [
            warning(
                f"Reports are remembered for {kept.claims:g} days; one that a provider repeats "
                "later counts twice.",
                f"set claims in [retention] to {CLAIMS_DAYS:g} or more",
            )
        ]
    return [ok("Reports are remembered for as long as providers repeat them.")]


def _secrets(scene: Scene, field: str, *, quiet: bool = False) -> list[Said]:
    if scene.settings is None:
        return [not_checked(NO_SETTINGS)]
    if scene.development:
        return [not_checked("The stand-ins' secrets are in the process that started them.")]
    out = [
        failed(f"{one.name} cannot be used: {one.wrong}.", _STEP, about=one.name)
        for one in scene.secrets
        if (one.table, one.field) == ("provider", field) and one.wrong
    ]
    return out if out or quiet else [ok(f"Every {field} that the settings name is there.")]
