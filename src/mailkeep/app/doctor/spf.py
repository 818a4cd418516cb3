"""Evaluates a domain's SPF record: its DNS look-ups and whom it authorises (RFC 7208; pure over
``Records``)."""

import msgspec

from .records import Found, Records

MOST_LOOKUPS = 10  #: RFC 7208 section 4.6.4
MOST_VOIDS = 2  #: the same section: look-ups that found nothing
_STOP = 40  #: terms that are followed at all: a ring of includes ends here
_COSTLY = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})


class Spf(msgspec.Struct):
    """A record, followed to its end.

    Attributes:
        record: the text; None when there is none.
        problem: why receivers take it for an error; empty when they do not.
        includes: domains that it lets in by name, at any depth, in order.
        own: those of them that its own record names.
        error: a name that could not be looked up; what is counted then is too little.
    """

    record: str | None = None
    problem: str = ""
    lookups: int = 0
    voids: int = 0
    includes: list[str] = []
    own: list[str] = []
    error: str = ""
    pending: bool = False
    closes: bool = False  #: it ends in -all or ~all, itself or by redirect


def read(records: Records, domain: str) -> Spf:
    """Follow the record of ``domain``."""
    spf = Spf()
    spf.record = _follow(records, domain, spf, depth=0)
    if not spf.problem and spf.lookups > MOST_LOOKUPS:
        spf.problem = f"it needs {spf.lookups} look-ups, and receivers stop at {MOST_LOOKUPS}"
    if not spf.problem and spf.voids > MOST_VOIDS:
        spf.problem = f"{spf.voids} of its look-ups find nothing; receivers stop at {MOST_VOIDS}"
    return spf


def _follow(records: Records, domain: str, spf: Spf, depth: int) -> str | None:
    answer = records.ask(domain, "TXT")
    if answer.found is Found.PENDING:
        spf.pending = True
        return None
    if answer.found is Found.ERROR:
        spf.error = spf.error or domain
        return None
    texts = [one for one in answer.rows if one.lower().split(" ", 1)[0] == "v=spf1"]
    if len(texts) > 1:
        spf.problem = spf.problem or f"{domain} has {len(texts)} SPF records; one is the most"
        return texts[0]
    if not texts:
        if depth:
            # An empty answer to a name that a record refers to is a void look-up, and an error
            # besides.
            spf.voids += answer.found is Found.NONE
            spf.problem = spf.problem or f"it leads to {domain}, which has no SPF record"
        return None
    _terms(records, domain, texts[0], spf, depth)
    return texts[0]


def _terms(records: Records, domain: str, text: str, spf: Spf, depth: int) -> None:
    redirect = None
    for raw in text.split()[1:]:
        term = raw.lstrip("+-~?").lower()
        name, target = _split(term)
        if name == "all":
            spf.closes = spf.closes or (depth == 0 and raw[0] in "-~")
            return
        if name == "redirect":
            redirect = target
            continue
        if name not in _COSTLY:
            continue
        if not _count(spf):
            return
        if name == "include":
            spf.includes.append(target)
            if depth == 0:
                spf.own.append(target)
            if "%" not in target:
                _follow(records, target, spf, depth + 1)
        elif name in {"a", "mx", "exists"} and "%" not in target:
            _void(records, target or domain, {"mx": "MX"}.get(name, "A"), spf)
    if redirect is not None and _count(spf) and "%" not in redirect:
        closes = _redirected(records, redirect, spf, depth)
        spf.closes = spf.closes or closes


def _redirected(records: Records, target: str, spf: Spf, depth: int) -> bool:
    text = _follow(records, target, spf, depth + 1)
    return text is not None and depth == 0 and text.lower().rstrip().endswith(("-all", "~all"))


def _split(term: str) -> tuple[str, str]:
    """A term's name and the domain that it names, without the length of a prefix."""
    if term.startswith("redirect="):
        return "redirect", term.removeprefix("redirect=")
    name, _, target = term.partition(":")
    return name.partition("/")[0], target.partition("/")[0].rstrip(".")


def _count(spf: Spf) -> bool:
    spf.lookups += 1
    return spf.lookups <= _STOP


def _void(records: Records, name: str, kind: str, spf: Spf) -> None:
    answer = records.ask(name, kind)
    if answer.found is Found.NONE and kind == "A":
        answer = records.ask(name, "AAAA")
    if answer.found is Found.PENDING:
        spf.pending = True
    elif answer.found is Found.ERROR:
        spf.error = spf.error or name
    elif answer.found is Found.NONE:
        spf.voids += 1
