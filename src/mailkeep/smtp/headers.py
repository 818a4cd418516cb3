"""The policy by which headers of submitted messages are parsed, in bounded time (pure).

The library parses a field of addresses or parameters in time that grows with the square of its
length, and again each time it is asked for: 80 kB took 17 seconds. So what there is of these is
bounded (``base.raw_mail``), and each field is parsed once.
"""

from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from email.policy import EmailPolicy
from typing import Any

from mailkeep.base.raw_mail import Budget, TooDear, check_lines

#: Octets of all fields of addresses: 50 people are shown at most, whose names and addresses may be
#: as long as these can be.
ADDRESSES = 16 * 1024
SEPARATORS = 500  #: of addresses in one field; names in quotes have commas too
DOTS = 1000  #: in one field of addresses
WORDS = 500  #: encoded ones (RFC 2047) in one field
PARAMETERS = 64 * 1024  #: octets of all ``Content-`` fields: of 100 files with long names
HEADER = 64 * 1024  #: octets of all other fields

#: Fields of addresses that are parsed, beside the ``Resent-`` ones.
_PEOPLE = frozenset({"from", "reply-to", "to", "cc"})


class Spent(Budget):
    """What a submitted message has still to spend."""

    def __init__(self) -> None:
        super().__init__()
        self._addresses, self._parameters, self._header = ADDRESSES, PARAMETERS, HEADER
        self._parsed: dict[tuple[str, str], Any] = {}

    def field(self, lines: list[str]) -> str:
        name = super().field(lines)
        size = sum(map(len, lines))
        if name.startswith("content-"):
            self._parameters -= size
            if self._parameters < 0:
                raise TooDear(f"the Content- fields are larger than {PARAMETERS >> 10} kB")
            return name
        self._header -= size
        if self._header < 0:
            raise TooDear(f"the header is larger than {HEADER >> 10} kB")
        if name in _PEOPLE or name.startswith("resent-"):
            self._addresses -= size
            if self._addresses < 0:
                raise TooDear(f"the fields of addresses are larger than {ADDRESSES >> 10} kB")
            if sum(line.count(",") + line.count(";") for line in lines) > SEPARATORS:
                raise TooDear(f"a field has more than {SEPARATORS} addresses")
            if sum(line.count(".") for line in lines) > DOTS:
                raise TooDear(f"a field of addresses has more than {DOTS:,} dots")
        if sum(line.count("=?") for line in lines) > WORDS:
            raise TooDear(f"a field has more than {WORDS} encoded words")
        return name

    def once(self, parse: Callable[[str, str], Any], name: str, value: str) -> Any:
        """The value of a field, which is parsed when it is first asked for."""
        if (name, value) not in self._parsed:
            self._parsed[name, value] = parse(name, value)
        return self._parsed[name, value]


class Utf8Policy(EmailPolicy):
    """The standard library's policy, for headers that are written in UTF-8 (RFC 6532).

    Its parser takes octets beyond ASCII for damage, and has a replacement character where a name
    stood. Octets that are no UTF-8 raise ``UnicodeDecodeError``: nobody can say what they mean.
    """

    budget: Spent | None = None

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        if self.budget is not None:
            self.budget.field(sourcelines)
        name, value = super().header_source_parse(sourcelines)
        value = value.lstrip(" \t\r\n")  # folded before its first word; newer versions do it
        if value.isascii():
            return name, value
        return name, value.encode("ascii", "surrogateescape").decode("utf-8")

    def header_fetch_parse(self, name: str, value: str) -> Any:
        parse = super().header_fetch_parse
        return parse(name, value) if self.budget is None else self.budget.once(parse, name, value)


POLICY = Utf8Policy()


def message(raw: bytes, factory: Callable[..., Message]) -> Message:
    """Parse a message.

    Args:
        factory: makes its parts.

    Raises:
        TooDear: it would take too long.
        MessageError, ValueError, LookupError, AttributeError, RecursionError: the library raises
            all of these on malformed headers.
    """
    check_lines(raw)
    policy = POLICY.clone(message_factory=factory)
    object.__setattr__(policy, "budget", Spent())  # a policy's own way forbids it
    return message_from_bytes(raw, policy=policy)
