"""Generates lookalikes (typosquats) of a domain (pure).

The methods are those that tools such as dnstwist have shown to be used: letters that look alike (in
ASCII and in other scripts), left out, doubled, swapped, replaced by a neighbour on the keyboard,
one flipped bit, a hyphen or a dot put in, another ending, and the words that thieves add. Those
likeliest to deceive a reader come first, since looking all of them up takes days.
"""

from collections.abc import Callable, Iterator

import idna

MOST = 2000  #: names of one domain
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"

#: Below these, in a country's domain, names are sold as if it were an ending.
_SECOND = frozenset({"co", "com", "org", "net", "ac", "gov", "edu", "ltd", "or", "ne"})
_ENDINGS = (
    *("com", "net", "org", "info", "biz", "io", "co", "app", "dev", "online", "site", "shop"),
    *("xyz", "top", "cloud", "support", "email", "de", "eu", "uk", "us", "me", "cc", "ru", "cn"),
)
_WORDS = (
    *("login", "secure", "security", "support", "account", "accounts", "verify", "mail", "help"),
    *("auth", "sso", "my", "service", "team", "info", "id", "reset", "notice", "alert"),
)
_ALIKE = {
    "m": ("rn", "nn"),
    "w": ("vv",),
    "d": ("cl",),
    "l": ("1", "i"),
    "i": ("1", "l"),
    "o": ("0",),
    "0": ("o",),
    "1": ("l", "i"),
    "s": ("5",),
    "g": ("q", "9"),
    "q": ("g",),
    "b": ("6",),
    "z": ("2",),
    "e": ("3",),
    "u": ("v",),
    "v": ("u",),
    "h": ("lh",),
    "n": ("r", "m"),
}
_TWO = {"rn": "m", "vv": "w", "cl": "d", "nn": "m"}
#: Unicode confusables (UTS 39) that registries sell, by the letter that they look like.
_OTHER_SCRIPTS = {
    "a": "\u0430\u00e0\u00e1\u0105",
    "c": "\u0441\u00e7",
    "d": "\u0501",
    "e": "\u0435\u00e9\u0117\u0119",
    "g": "\u0121",
    "h": "\u04bb",
    "i": "\u0456\u00ed\u0131",
    "j": "\u0458",
    "k": "\u03ba",
    "l": "\u0142\u013a",
    "n": "\u00f1\u0144",
    "o": "\u043e\u03bf\u00f6\u00f3",
    "p": "\u0440",
    "q": "\u051b",
    "s": "\u0455\u015b",
    "u": "\u03c5\u00fc\u00fa",
    "v": "\u03bd",
    "w": "\u051d",
    "x": "\u0445",
    "y": "\u0443\u00fd",
    "z": "\u017c\u017a",
}
_KEYS = {
    "q": "wa",
    "w": "qes",
    "e": "wrd",
    "r": "etf",
    "t": "ryg",
    "y": "tuh",
    "u": "yij",
    "i": "uok",
    "o": "ipl",
    "p": "ol",
    "a": "qsz",
    "s": "awdx",
    "d": "sefc",
    "f": "drgv",
    "g": "fthb",
    "h": "gyjn",
    "j": "hukm",
    "k": "jil",
    "l": "kop",
    "z": "asx",
    "x": "zsdc",
    "c": "xdfv",
    "v": "cfgb",
    "b": "vghn",
    "n": "bhjm",
    "m": "njk",
}


def of(domain: str) -> dict[str, str]:
    """Lookalikes of a domain, in A-labels, with the method of each; the most deceptive first.

    Args:
        domain: in lower case; what lies below a registered name is left out.
    """
    name, ending = split(domain)
    found: dict[str, str] = {}
    if not name:
        return found
    for way, make in _WAYS:
        for label in make(name):
            for made in _whole(label, ending):
                if made != f"{name}.{ending}":
                    found.setdefault(made, way)
    for other in _ENDINGS:
        if other != ending:
            found.setdefault(f"{name}.{other}", "ending")
    # Other endings and added words deceive more readers than a slipped finger does.
    order = {way: place for place, way in enumerate(WAYS)}
    ranked = sorted(found.items(), key=lambda one: (order[one[1]], one[0]))
    return dict(ranked[:MOST])


def split(domain: str) -> tuple[str, str]:
    """The registered label and its ending; ("", "") where there is none."""
    labels = domain.rstrip(".").split(".")
    if len(labels) < 2:
        return "", ""
    few = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND
    at = -3 if few else -2
    return labels[at], ".".join(labels[at + 1 :])


def _whole(label: str, ending: str) -> Iterator[str]:
    """The name as DNS knows it, where there can be one."""
    if not label.isascii():
        try:
            label = idna.encode(label).decode()
        except (idna.IDNAError, UnicodeError):
            return
    bare = label.replace(".", "")
    if not bare or set(bare) - _LABEL:
        return
    parts = label.split(".")
    if all(part and len(part) <= 63 and part.strip("-") == part for part in parts):
        yield f"{label}.{ending}"


def _alike(name: str) -> Iterator[str]:
    for at, letter in enumerate(name):
        for other in _ALIKE.get(letter, ()):
            yield name[:at] + other + name[at + 1 :]
        two = _TWO.get(name[at : at + 2])
        if two:
            yield name[:at] + two + name[at + 2 :]


def _script(name: str) -> Iterator[str]:
    for at, letter in enumerate(name):
        for other in _OTHER_SCRIPTS.get(letter, ""):
            yield name[:at] + other + name[at + 1 :]
    for place in range(4):  # every letter that there is one for, as whole words are written
        whole = "".join(_OTHER_SCRIPTS.get(one, one)[place : place + 1] or one for one in name)
        yield whole


def _omission(name: str) -> Iterator[str]:
    if len(name) > 3:
        yield from (name[:at] + name[at + 1 :] for at in range(len(name)))


def _repetition(name: str) -> Iterator[str]:
    yield from (name[: at + 1] + name[at:] for at in range(len(name)))


def _transposition(name: str) -> Iterator[str]:
    for at in range(len(name) - 1):
        yield name[:at] + name[at + 1] + name[at] + name[at + 2 :]


def _replacement(name: str) -> Iterator[str]:
    for at, letter in enumerate(name):
        yield from (name[:at] + one + name[at + 1 :] for one in _KEYS.get(letter, ""))


def _insertion(name: str) -> Iterator[str]:
    for at, letter in enumerate(name):
        yield from (name[:at] + one + name[at:] for one in _KEYS.get(letter, ""))


def _bits(name: str) -> Iterator[str]:
    """What memory makes of a name when one bit of it flips."""
    for at, letter in enumerate(name):
        for bit in range(8):
            other = chr(ord(letter) ^ (1 << bit))
            if other in _LABEL:
                yield name[:at] + other + name[at + 1 :]


def _hyphens(name: str) -> Iterator[str]:
    yield from (name[:at] + "-" + name[at:] for at in range(1, len(name)))
    yield from (name[:at] + name[at + 1 :] for at, one in enumerate(name) if one == "-")


def _dots(name: str) -> Iterator[str]:
    yield from (name[:at] + "." + name[at:] for at in range(1, len(name)))


def _words(name: str) -> Iterator[str]:
    for word in _WORDS:
        yield from (f"{name}-{word}", f"{word}-{name}", name + word, word + name)


def _addition(name: str) -> Iterator[str]:
    yield from (name + one for one in _LETTERS)


_WAYS: tuple[tuple[str, Callable[[str], Iterator[str]]], ...] = (
    ("letters alike", _alike),
    ("another script", _script),
    ("an added word", _words),
    ("a letter left out", _omission),
    ("a letter doubled", _repetition),
    ("letters swapped", _transposition),
    ("a hyphen", _hyphens),
    ("a dot", _dots),
    ("a key beside", _replacement),
    ("a key hit too", _insertion),
    ("a letter added", _addition),
    ("a flipped bit", _bits),
)
WAYS = ("letters alike", "another script", "ending", *(way for way, _ in _WAYS[2:]))
