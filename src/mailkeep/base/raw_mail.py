"""Parses mail of strangers with the standard library, in bounded time (pure).

The library's parser takes a field's parameters apart in time that grows with the square of their
length: a quoted string of 240 kB of semicolons took 51 seconds. It takes one function more of depth
for each part within another, and keeps each line, field and part as an object. So it is told by its
policy to ask here for each field and each part as it comes upon them, where it sees them and as it
sees them: a scan of its own would differ from the parser's sometimes, and be passed by there.

Security: reads hostile input. What is over a bound is refused before anything looks at it.
"""

from email import message_from_bytes
from email.message import Message
from email.policy import Compat32
from typing import Any

#: Octets of all headers in a mail, its parts' included. Chains of Received, ARC and antispam fields
#: come to 30 kB, and each file with a long name to 1.
HEADERS = 256 * 1024
FIELDS = 2_000  #: in all
#: Octets of a ``Content-`` field. A file's name of 255 octets takes 2.5 kB as RFC 2231 writes it.
PARAMETERS = 8 * 1024
SEMICOLONS = 100  #: in one of these; such a name takes 40
PARTS = 1_000
DEEPEST = 20  #: parts in parts; programs that write mail need five
#: Of a mail: 36 MB of base64 have fewer. The library takes as long for an empty line as for a whole
#: one, and more memory.
LINES = 600_000


class TooDear(ValueError):
    """The mail would take too long to parse. The message says what there is too much of."""


class Budget:
    """What one mail has still to spend."""

    def __init__(self) -> None:
        self._headers, self._fields, self._parts = HEADERS, FIELDS, PARTS

    def field(self, lines: list[str]) -> str:
        """Count a field, as its lines stand in the mail; returns its name in lower case.

        Raises:
            TooDear: it is too much, or all until now are.
        """
        size = sum(map(len, lines))
        self._headers -= size
        self._fields -= 1
        if self._headers < 0:
            raise TooDear(f"the header is larger than {HEADERS >> 10} kB")
        if self._fields < 0:
            raise TooDear(f"the header has more than {FIELDS:,} fields")
        name = lines[0].partition(":")[0].strip().lower()
        if name.startswith("content-"):
            if size > PARAMETERS:
                raise TooDear(f"a Content- field is larger than {PARAMETERS >> 10} kB")
            if sum(line.count(";") for line in lines) > SEMICOLONS:
                raise TooDear(f"a Content- field has more than {SEMICOLONS} parameters")
        return name

    def part(self, depth: int) -> None:
        """Count a part.

        Args:
            depth: in how many others it is.

        Raises:
            TooDear: it is one too many, or too deep.
        """
        self._parts -= 1
        if self._parts < 0:
            raise TooDear(f"the mail has more than {PARTS:,} parts")
        if depth > DEEPEST:
            raise TooDear(f"parts are nested more than {DEEPEST} deep")


class _Part(Message):
    """A part that is counted when it begins."""

    policy: "_Bounded"
    depth = 0

    def attach(self, payload: Any) -> None:
        payload.depth = self.depth + 1
        self.policy.budget.part(payload.depth)
        super().attach(payload)


class _Bounded(Compat32):
    """The policy of one mail's parsing."""

    budget: Budget

    def __init__(self, budget: Budget) -> None:
        super().__init__(message_factory=_Part)
        object.__setattr__(self, "budget", budget)  # a policy's own way forbids it

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        self.budget.field(sourcelines)
        return super().header_source_parse(sourcelines)


def check_lines(raw: bytes) -> None:
    """Raises ``TooDear`` for a mail of too many lines."""
    # The library ends a line at a lone CR too.
    if raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n") > LINES:
        raise TooDear(f"the mail has more than {LINES:,} lines")


def read(raw: bytes) -> "Message[str, str]":
    """Parse a mail.

    Raises:
        TooDear: it is over a bound.
        MessageError, LookupError, AttributeError, TypeError, ValueError: the library raises all of
            these on malformed mails.
    """
    check_lines(raw)
    return message_from_bytes(raw, policy=_Bounded(Budget()))
