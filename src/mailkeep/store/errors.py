"""Translates database errors: whether to retry, and without the values that the statement carried.

Security: an error of a statement carries its parameters, and PostgreSQL adds the row at fault:
addresses, hashes, bodies. Errors end in logs, so none of that stays in one.
"""

from collections.abc import Iterator

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

from mailkeep.base.errors import Unavailable


class Away(Unavailable):
    """The server cannot be reached, or went away before it was asked to commit; nothing was
    stored. It is away for everybody."""


class Unsettled(Away):
    """The server went away while it committed, and cannot be asked whether it did."""


#: PostgreSQL ended the transaction for another's sake: deadlock, serialization failure.
_FOR_ANOTHERS_SAKE = frozenset({"40P01", "40001"})
#: Another one wrote the same unique row first, an idempotency key's for instance: run again, it is
#: there to be read.
_WRITTEN_BEFORE = "23505"
#: The server is away or full: no connection, no resources, shut down or starting up.
_AWAY = ("08", "53", "57P")
#: … those of them that say that the connection is over, or that there is none to be had.
_GONE = ("08", "57P")
#: Classes of SQLSTATE whose texts are about names in the schema and never about what was bound.
_ABOUT_NAMES = ("08", "23", "25", "40", "42", "53", "55", "57", "58")


def is_outage(error: DBAPIError) -> bool:
    """Whether the disk is full or the database away."""
    text = str(error.orig)
    away = error.connection_invalidated or (_state(error) or "").startswith(_AWAY)
    return away or any(
        words in text for words in ("disk is full", "disk I/O error", "No space left", "is locked")
    )


def is_away(error: DBAPIError) -> bool:
    """Whether the connection, or the server, is gone: any other statement would fail too."""
    return error.connection_invalidated or (_state(error) or "").startswith(_GONE)


def passes(error: BaseException) -> bool:
    """Whether the same transaction may well succeed when it is run again."""
    if not isinstance(error, DBAPIError):
        return False
    return is_outage(error) or _state(error) in _FOR_ANOTHERS_SAKE


def lost(error: DBAPIError) -> bool:
    """Whether the transaction was undone only because it conflicted with another one."""
    return _state(error) in {*_FOR_ANOTHERS_SAKE, _WRITTEN_BEFORE}


def without_values(context: ExceptionContext) -> None:
    """Take what was bound out of an error and all that it was raised from.

    For SQLAlchemy's ``handle_error`` event; the parameters themselves are hidden by the engine's
    ``hide_parameters``.
    """
    # Computed for all before any is changed: the text depends on what an error still holds.
    texts = {id(one): _text(one) for one in _chain(context.original_exception)}
    for one in _chain(context.original_exception):
        if getattr(one, "sqlstate", None) is not None or _is_asyncpg(one):
            one.args = (texts[id(one)],)
            for name in ("detail", "hint", "context", "query", "internal_query"):
                if getattr(one, name, None) is not None:
                    setattr(one, name, None)
    ours = context.sqlalchemy_exception
    if isinstance(ours, DBAPIError) and _is_asyncpg(context.original_exception):
        kind = type(context.original_exception).__name__
        ours.args = (f"({kind}) {texts[id(context.original_exception)]}",)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_asyncpg(error: BaseException) -> bool:
    return "asyncpg" in type(error).__module__


def _text(error: BaseException) -> str:
    state = str(getattr(error, "sqlstate", None) or "")
    if not state.startswith(_ABOUT_NAMES):
        return f"SQLSTATE {state or 'none'}"
    first = str(error).partition("\n")[0]
    return f"SQLSTATE {state}: {first}"


def _state(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)
