"""SMTP replies and paths on the wire (pure): sanitised before they are sent.

Security: the library repeats what a client sent in some of its replies. Control characters in it
would end the reply early and write another one of the client's choice.
"""

import re

#: Enhanced status codes (RFC 2034, RFC 3463) for replies that come without one.
_ENHANCED = {
    "421": "4.3.2",
    "450": "4.2.0",
    "451": "4.3.0",
    "452": "4.3.1",
    "454": "4.7.0",
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "504": "5.5.4",
    "530": "5.7.0",
    "535": "5.7.8",
    "538": "5.7.11",
    "550": "5.0.0",
    "552": "5.3.4",
    "553": "5.1.3",
    "554": "5.5.0",
    "555": "5.5.4",
}
_HAS_ONE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?: |$)")
_UNFIT = re.compile(r"[^\x20-\x7e]")
_LONGEST = 510  #: RFC 5321 section 4.5.3.1.5, without its CRLF

#: ``<address>`` or the bare address, then the parameters. No quoted local part has its spaces here:
#: no address of ours has them (``base.addresses``).
_PATH = re.compile(r"\s*(?:<(?:@[^\s<>:]*:)?([^\s<>]*)>|([^\s<>]+))(?:\s+(\S.*))?\s*", re.ASCII)


def finish(status: str, *, greeting: bool = False) -> bytes:
    """A reply as it goes out: an enhanced code, visible ASCII only, one line.

    Args:
        greeting: it answers a connection, HELO or EHLO, whose good replies have no enhanced code
            (RFC 2034 section 3); nor has any 3xx.
    """
    code, mark, text = status[:3], status[3:4] or " ", status[4:]
    if not (greeting and code[0] == "2") and code[0] != "3" and not _HAS_ONE.match(text):
        text = f"{_ENHANCED.get(code, f'{code[0]}.0.0')} {text}"
    line = f"{code}{mark}{_UNFIT.sub('?', text)}"
    return line[:_LONGEST].encode("ascii") + b"\r\n"


def path(argument: str) -> tuple[str, str] | tuple[None, None]:
    """(address, parameters) of what follows ``FROM:`` or ``TO:``; ``<>`` is the null address."""
    match = _PATH.fullmatch(argument)
    if match is None:
        return None, None
    address = match[1] if match[1] is not None else match[2]
    return address or "<>", match[3] or ""
