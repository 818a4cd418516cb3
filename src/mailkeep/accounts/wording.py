"""What owners read, text by text, in one language (pure).

A language is a file of TOML: the table ``[language]`` says how it is called, how it counts and
writes times; every other table holds texts, named with a dot (``proof.deny``). English is the
measure: another language has texts of the same names, with the same ``{words}`` in them, or it is
refused. A list in place of a text has one form for each number, in the order that
gettext's plural expressions give.

Attack met here: a translation from outside that leaves out the link which stops a thief, or reads
more out of what it is given than the name of it (``{url.__class__}``).
"""

import re
from collections.abc import Callable, Mapping
from gettext import c2py
from string import Formatter
from typing import Any

import msgspec

from mailkeep.base.clock import DAY, HOUR, MINUTE, SECOND, Instant, iso
from mailkeep.base.errors import BadSettings
from mailkeep.base.wording import nearest

#: What is replaced by the address of a page. Nothing may touch it, so that it can be pressed.
LINKS = frozenset({"url", "page"})
_TIMES = {"date": {"year", "month", "day"}, "time": {"year", "month", "day", "hour", "minute"}}
_ADDRESS = re.compile(r"\w*://\S*|www\.\S*|\S*@\S*")
_COUNTED = 200  #: numbers that a plural expression is tried with
_DIRECTIONS = ("ltr", "rtl")

Forms = tuple[str, ...]


class Words(msgspec.Struct, frozen=True):
    """One language.

    Attributes:
        tag: of it (BCP 47).
        name: as whoever speaks it calls it.
        direction: ``ltr`` or ``rtl``.
        plural: which form a number takes.
        times: how a ``date`` and a ``time`` are written.
        texts: by name; a plain text has one form.
        missing: names of texts that it does not have: English stands in for them.
    """

    tag: str
    name: str
    direction: str
    plural: Callable[[int], int]
    times: Mapping[str, str]
    texts: Mapping[str, Forms]
    missing: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Words({self.tag})"

    def say(self, text: str, **values: object) -> str:
        """A text with its words filled in; whoever calls it gives all of them."""
        return self.texts[text][0].format(**values)

    def count(self, text: str, count: int) -> str:
        """The form of a text that fits a number."""
        form = int(count != 1) if text in self.missing else self.plural(count)
        return self.texts[text][form].format(count=count)

    def span(self, seconds: float) -> str:
        """A time in words, rounded up to a whole unit: nobody shall come back too early. It stands
        as after 'for'."""
        micros = max(1, round(seconds * SECOND))
        for unit, text in (
            (DAY, "span.days"),
            (HOUR, "span.hours"),
            (MINUTE, "span.minutes"),
            (SECOND, "span.seconds"),
        ):
            if micros >= unit and (micros % unit == 0 or micros >= 2 * unit or unit == SECOND):
                return self.count(text, -(-micros // unit))
        return self.count("span.seconds", 1)

    def date(self, at: Instant) -> str:
        """A day, in UTC."""
        return self._written("date", at)

    def time(self, at: Instant) -> str:
        """A minute, which says itself that it is in UTC."""
        return self._written("time", at)

    def _written(self, how: str, at: Instant) -> str:
        text = iso(at)
        return self.times[how].format(
            year=text[:4], month=text[5:7], day=text[8:10], hour=text[11:13], minute=text[14:16]
        )


def read(tag: str, raw: Mapping[str, Any], where: str, english: Words | None = None) -> Words:
    """A language out of a file.

    Args:
        raw: the file.
        where: what it is, for errors.
        english: the measure; None when it is English that is read.

    Raises:
        BadSettings: something is not as in English: what, and where.
    """
    about = raw.get("language")
    if not isinstance(about, dict):
        raise BadSettings(f"{where}: [language] is missing")
    known = {"name", "direction", "plural", *_TIMES}
    for key in about.keys() - known:
        raise BadSettings(f"{where}: language: no setting {key!r}{nearest(key, known)}")
    plural, size = _plural(about.get("plural"), where)
    direction = about.get("direction", _DIRECTIONS[0])
    if direction not in _DIRECTIONS:
        raise BadSettings(f"{where}: language: direction: say ltr or rtl")
    name = about.get("name")
    if not isinstance(name, str) or not name.strip():
        raise BadSettings(f"{where}: language: name: say how whoever speaks it calls it")
    times = {}
    for how, needed in _TIMES.items():
        written = about.get(how)
        if not isinstance(written, str) or fields(written, f"{where}: {how}") != needed:
            words = ", ".join(f"{{{one}}}" for one in sorted(needed))
            raise BadSettings(f"{where}: language: {how}: say it with {words}")
        times[how] = written
    texts = _flat({key: one for key, one in raw.items() if key != "language"}, where)
    for key, forms in texts.items():
        _check(key, forms, plural, size, where, english)
    if english is None:
        return Words(tag, name, direction, plural, times, texts)
    missing = tuple(key for key in english.texts if key not in texts)
    return Words(tag, name, direction, plural, times, {**english.texts, **texts}, missing)


def fields(text: str, where: str) -> set[str]:
    """The words in braces of a text. Raises ``BadSettings`` for what is more than a plain name."""
    found = set()
    try:
        for _, field, spec, conversion in Formatter().parse(text):
            if field is None:
                continue
            if not field.isidentifier() or spec or conversion:
                raise BadSettings(f"{where}: {{{field}}} is no plain name in braces")
            found.add(field)
    except ValueError as error:
        raise BadSettings(f"{where}: {error}; a brace is written twice") from error
    return found


def _plural(expression: object, where: str) -> tuple[Callable[[int], int], int]:
    """(which form a number takes, how many there are)."""
    try:
        plural: Callable[[int], int] = c2py(str(expression))
        forms = {plural(number) for number in range(_COUNTED)}
    except (ValueError, RecursionError, ZeroDivisionError) as error:
        raise BadSettings(
            f"{where}: language: plural: say it as gettext does, such as n != 1"
        ) from error
    if forms != set(range(len(forms))):
        raise BadSettings(f"{where}: language: plural: its forms are numbered from 0")
    return plural, len(forms)


def _flat(raw: Mapping[str, Any], where: str, prefix: str = "") -> dict[str, Forms]:
    found: dict[str, Forms] = {}
    for key, one in raw.items():
        name = f"{prefix}{key}"
        if isinstance(one, dict):
            found |= _flat(one, where, f"{name}.")
            continue
        forms = tuple(one) if isinstance(one, list) else (one,)
        if not forms or not all(isinstance(form, str) and form.strip() for form in forms):
            raise BadSettings(f"{where}: {name}: say it in words")
        found[name] = forms
    return found


def _check(
    key: str,
    forms: Forms,
    plural: Callable[[int], int],
    size: int,
    where: str,
    english: Words | None,
) -> None:
    """One text: its name, its words in braces, and how many forms it has."""
    at = f"{where}: {key}"
    found = [fields(form, at) for form in forms]
    said = {word for one in found for word in one}
    counted = "count" in said
    if english is not None:
        if key not in english.texts:
            raise BadSettings(f"{at}: there is no such text{nearest(key, english.texts)}")
        theirs = english.texts[key]
        wanted = {word for form in theirs for word in fields(form, key)}
        counted = "count" in wanted
        if said != wanted:
            words = ", ".join(f"{{{one}}}" for one in sorted(wanted)) or "no words in braces"
            raise BadSettings(f"{at}: say it with {words}, and no others")
    if len(forms) != (size if counted else 1):
        raise BadSettings(f"{at}: it has {len(forms)} forms, not {size if counted else 1}")
    for place, form in enumerate(forms):
        numbers = [one for one in range(1, _COUNTED) if plural(one) == place] if counted else []
        if len(numbers) > 1 and "count" not in found[place]:
            raise BadSettings(f"{at}: the form of {numbers[0]} and {numbers[1]} lacks {{count}}")
        if english is not None and (other := _ADDRESS.search(form)) is not None:
            raise BadSettings(f"{at}: {other[0]!r}: an address stands where we put it only")
        _check_links(form, at)


def _check_links(form: str, at: str) -> None:
    """An address stands alone: what touched it would be pressed with it, or keep it from that."""
    pieces = list(Formatter().parse(form))
    for place, (before, field, _, _) in enumerate(pieces):
        if field not in LINKS:
            continue
        after = pieces[place + 1][0] if place + 1 < len(pieces) else ""
        joined = place + 1 < len(pieces) and not after
        if before[-1:].strip() or after[:1].strip() or joined:
            raise BadSettings(f"{at}: {{{field}}} stands alone, between spaces or at an end")
