"""Where an error came from, for the log.

An error's own words may quote what it met: the text of a mail, a code, an answer of a provider.
Masking knows addresses and keys and not those, so none of them is written.
"""

import traceback

MOST = 8  #: errors of one chain
LONGEST = 40  #: lines of one trace, the innermost ones


def frames(error: BaseException) -> str:
    """Files, lines and functions of an error and of those that led to it, the first one first, each
    by its type."""
    chain: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(chain) < MOST:
        came = traceback.extract_tb(seen.__traceback__)[-LONGEST:]
        chain.append("".join([*traceback.format_list(came), _type(seen)]))
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "\n".join(reversed(chain))


def _type(error: BaseException) -> str:
    of = type(error)
    return of.__qualname__ if of.__module__ == "builtins" else f"{of.__module__}.{of.__qualname__}"
