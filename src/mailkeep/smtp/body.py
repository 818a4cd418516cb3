"""Reads the body after DATA (pure): only CRLF.CRLF ends it.

Security: servers that accepted a lone LF as a line end saw the end of a message where the server
before them saw none, and took what followed for commands: SMTP smuggling (CVE-2023-51764). Here a
lone LF ends a line of text and never a message: Python's ``sendmail(…, as_bytes())`` writes such
lines, and since no message is passed on in its original octets, they can be read in one way only. A
message with a lone CR, which no client writes and readers disagree about, is refused.
"""

import re

LONGEST_LINE = 1000  #: RFC 5321 section 4.5.3.1.6, its CRLF included
_END = b"\r\n.\r\n"
#: Every line has an LF before it, the first one too. Lines are not made objects of: 36 MB of empty
#: ones took two seconds and a gigabyte, in which nobody else was served.
_TOO_LONG = re.compile(rb"\n[^\r]{%d}" % (LONGEST_LINE - 2 + 1 + 1))  # + a dot of transparency


class Body:
    """Collects a message up to its end.

    Args:
        limit: octets; beyond it nothing is kept, and the end is still looked for.

    Attributes:
        held: octets that it holds in memory.
        seen: octets that came.
        full: there is no room for it beside others'; nothing of it is kept.
        ended: all of it is here.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # The CRLF that ended the DATA line also begins an end that follows at once.
        self._octets = bytearray(b"\r\n")
        self.seen = 0
        self.full = self.ended = False

    @property
    def held(self) -> int:
        return len(self._octets)

    @property
    def too_big(self) -> bool:
        return self.seen > self._limit

    def feed(self, chunk: bytes) -> bytes | None:
        """Take octets in; returns what follows the end, or None while the end has not come."""
        octets = self._octets
        start = max(0, len(octets) - len(_END) + 1)
        octets += chunk
        self.seen += len(chunk)
        end = octets.find(_END, start)
        if end >= 0:
            self.ended = True
            rest = bytes(octets[end + len(_END) :])
            self.seen -= len(rest) + 3
            del octets[end + 2 :]
            return rest
        if self.full or self.seen > self._limit + len(_END):
            self._drop()
        return None

    def give_up(self) -> None:
        """Drop the message: there is no room for it beside those of others."""
        self.full = True
        self._drop()

    def _drop(self) -> None:
        del self._octets[: 1 - len(_END)]  # the end may have begun

    def fault(self) -> str | None:
        """The reply to a message that cannot be carried, or None; its lines end in CRLF then."""
        if self.too_big:
            return "552 5.3.4 the message is too big"
        if self.full:
            return "452 4.3.1 too much mail is coming in, try again"
        octets = self._octets
        ends = octets.count(b"\r\n")
        if octets.count(b"\r") != ends:
            return "550 5.6.11 lines must end in CR LF; a CR stands alone"
        if octets.count(b"\n") != ends:
            octets = self._octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if _TOO_LONG.search(octets):
            return f"500 5.5.2 a line is longer than {LONGEST_LINE} octets"
        return None

    def content(self) -> bytes:
        """The message, once ``fault`` found none, without its dots of transparency (RFC 5321
        section 4.5.2)."""
        return bytes(self._octets.replace(b"\r\n.", b"\r\n")[2:])
