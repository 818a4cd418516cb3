"""The language in which an owner is written to.

It is what their browser asked for when they signed up, or what they chose on their page; an
application says it of its own users (``registration``). It opens nothing, so it is changed by
whoever is signed in.

Attacks met here: who asks for somebody's reset does so in a language that its owner cannot read.
The browser that asks never chooses: its owner's language does, or else the house's. And who has
stolen a session chooses one before they change more: the owner is told in the language from before.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec
from sqlalchemy import select, update

from mailkeep.base.clock import DAY, SECOND
from mailkeep.base.errors import BadSettings, Invalid, TooMany
from mailkeep.base.wording import nearest
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import tables, throttle, wording
from .events import LanguageChosen
from .wording import Words

ENGLISH = "en"
SHIPPED = Path(__file__).parent / "words"
_LOOKED_AT = 200  #: characters of a header
_TAG = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}")
CHANGES = 5  #: of one account in a day
_SAMPLE = 50  #: newest accounts that ``spoken`` looks at
UNCONFIRMED = 3 * DAY  #: after which whoever has confirmed nothing is forgotten, as it comes

_a = tables.accounts


class LanguageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[languages]``: what owners read.

    Attributes:
        otherwise: tag of the language for whoever's own is not known, or not written here.
        files: a directory with languages of one's own, ``TAG.toml`` each.
    """

    otherwise: str = ENGLISH
    files: str = ""


class Languages:
    """The languages that owners are written to in.

    Args:
        written: each, by its tag in small letters.
        otherwise: of whoever's own is not known, or not written here.
    """

    def __init__(self, written: Mapping[str, Words], otherwise: str = ENGLISH) -> None:
        self._written = dict(written)
        if otherwise.lower() not in self._written:
            tags = nearest(otherwise, self._written)
            raise BadSettings(f"languages: otherwise: nothing is written in {otherwise!r}{tags}")
        self._otherwise = self._written[otherwise.lower()]

    @property
    def all(self) -> tuple[Words, ...]:
        return tuple(self._written.values())

    @property
    def names(self) -> dict[str, str]:
        """Each by its tag, as whoever speaks it calls it."""
        return {one.tag: one.name for one in self.all}

    def of(self, locale: str) -> Words:
        """What somebody reads.

        Args:
            locale: as the account has it (BCP 47); "": not known.
        """
        return self._nearest(locale) or self._otherwise

    def preferred(self, accepted: str) -> str:
        """The tag of what a browser likes best of what is written here; "": nothing of it.

        Args:
            accepted: its ``Accept-Language`` (RFC 9110 section 12.5.4); anybody may have written
                it.
        """
        found: list[tuple[float, str]] = []
        for part in accepted[:_LOOKED_AT].split(","):
            tag, _, given = part.partition(";")
            language, weight = self._nearest(tag.strip()), _weight(given)
            if language is not None and weight > 0:
                found.append((weight, language.tag))
        return max(found, key=lambda one: one[0])[1] if found else ""

    def _nearest(self, locale: str) -> Words | None:
        """The longest beginning of a tag that is written here (RFC 4647 section 3.4)."""
        tag = locale.replace("_", "-").lower()
        while tag and tag not in self._written:
            tag = tag.rpartition("-")[0]
        return self._written.get(tag)


@cache
def shipped() -> Languages:
    """The languages that come with Mailkeep."""
    return _load(LanguageSettings())


def load(settings: LanguageSettings) -> Languages:
    """The shipped languages and a house's own; of one that is shipped, a house's texts go first.

    Raises:
        BadSettings: a file cannot be read, or is not as the English one.
    """
    return shipped() if settings == LanguageSettings() else _load(settings)


def _load(settings: LanguageSettings) -> Languages:
    # English first: it is the measure of all the others.
    raw = {ENGLISH: _both(SHIPPED / f"{ENGLISH}.toml")}
    english = wording.read(ENGLISH, raw[ENGLISH], "shipped")
    raw |= {path.stem: _both(path) for path in sorted(SHIPPED.glob("*.toml"))}
    where = dict.fromkeys(raw, "shipped")
    tags = {tag: tag for tag in raw}
    if settings.files:
        there = Path(settings.files)
        if not there.is_dir():
            raise BadSettings(f"languages: files: {there} is no directory")
        for path in sorted(there.glob("*.toml")):
            if not _TAG.fullmatch(path.stem):
                raise BadSettings(f"{path}: call it by its tag, such as it.toml or pt-BR.toml")
            tag = path.stem.lower()
            raw[tag] = _over(raw.get(tag, {}), _raw(path))
            where[tag], tags[tag] = str(path), tags.get(tag, path.stem)
    written = {tag: wording.read(tags[tag], one, where[tag], english) for tag, one in raw.items()}
    return Languages(written, settings.otherwise)


def _both(path: Path) -> dict[str, object]:
    """What is written in one language: the mails, and beside them the pages."""
    return _raw(path) | _raw(path.parent / "pages" / path.name)


def _raw(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"{path}: {error}") from error


def _over(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """Two files as one: what stands in the second goes first."""
    out = dict(below)
    for key, one in above.items():
        under = out.get(key)
        if isinstance(one, dict) and isinstance(under, dict):
            out[key] = _over(under, one)
        else:
            out[key] = one
    return out


def _weight(given: str) -> float:
    name, _, value = given.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    digits = value.strip()
    # ``float`` would read more than the header may say: nan, inf, 1e9.
    plain = digits.isascii() and digits.replace(".", "", 1).isdigit()
    return min(1.0, float(digits)) if plain else 0.0


async def locale(tx: Tx, account: str) -> str:
    """As the account has it; "": not known, or there is no such account."""
    found = await tx.value(select(_a.c.locale).where(_a.c.id == account))
    return str(found or "")


async def spoken(tx: Tx) -> list[str]:
    """What owners read, one for each of the newest that stay: for a mail that must look like one
    of theirs. Who signs up and confirms nothing is gone by then (``UNCONFIRMED``)."""
    rows = await tx.all(
        select(_a.c.locale)
        .where(
            _a.c.application == "",
            _a.c.erased_at.is_(None),
            _a.c.created_at < tx.now - UNCONFIRMED,
        )
        .order_by(_a.c.id.desc())
        .limit(_SAMPLE)
    )
    return [row["locale"] or "" for row in rows]


async def choose(
    database: Database, tx: Tx, account: str, language: str, languages: Languages
) -> None:
    """Write to the owner of an account of ours in a language from now on.

    Raises:
        Invalid: nothing is written in it.
        TooMany: it was changed too often today: each time mails are written.
    """
    if language not in languages.names:
        raise Invalid(f"choose one of {', '.join(languages.names.values())}", field="language")
    ours = (_a.c.id == account, _a.c.application == "", _a.c.erased_at.is_(None))
    before = await locale(tx, account)
    if before == language:
        return
    if not await throttle.take(tx, account, "language", limit=CHANGES, window=DAY):
        raise TooMany("the language was changed too often today", retry_after=DAY / SECOND)
    changed = await tx.run(update(_a).where(*ours).values(locale=language))
    read, reads = languages.of(before), languages.of(language)
    if changed and read is not reads:
        await record(
            database, tx, LanguageChosen(account=account, before=read.tag, chosen=reads.name)
        )
