"""Timeouts of the HTTP and SMTP clients, and which failures are this machine's own."""

import errno

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 20.0

#: Out of descriptors, ports or memory, or off the network.
_OURS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL, errno.ENETDOWN}
    | {errno.ENETUNREACH}
)


def ours(error: BaseException) -> bool:
    """Whether this machine could not even try: blaming the provider would frame it."""
    return isinstance(error, OSError) and error.errno in _OURS
