"""Whose addresses a provider was given, as lines of JSON that the database itself writes.

A list may have millions of lines. In Python, to take a row and to write its line costs three times
what it costs the engine to do both (``tests/proofs/radius.py``), and this process would have no
time for mail meanwhile.

Security: what is put into JSON without being escaped is a pseudonym of ours, which has letters,
digits and ``_``; all else is encoded.
"""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    String,
    bindparam,
    cast,
    func,
    select,
    tuple_,
)
from sqlalchemy import literal as said
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from mailkeep.base.clock import SECOND, Instant
from mailkeep.store.database import Database
from mailkeep.store.repeated import Repeated

from .tables import exposed_firsts

MILLISECOND = SECOND // 1000

_f = exposed_firsts
_ORDER = (_f.c.first_at, _f.c.address_id)


class Part(NamedTuple):
    """Lines that were read together.

    Attributes:
        lines: how many.
        text: ``{"address": pseudonym, "provider": name, "first_at": RFC 3339}``, each on a line.
    """

    lines: int
    text: bytes


class _Place(NamedTuple):
    """Where a part ends, in the order of time, and of pseudonyms within a moment."""

    at: Instant
    name: str


async def read(
    database: Database, provider: str, until: Instant, at_most: int
) -> AsyncIterator[Part]:
    """All that a provider was given by ``until``, in the order in which it was first given; only
    what is counted: see ``counting.count``. Each part is a transaction of its own, so a long list
    holds nobody up.

    Args:
        at_most: lines in a part.
    """
    words = {"head": '{"address":"', "middle": _middle(provider), "tail": 'Z"}\n'}
    place = _Place(0, "")
    while True:
        begin = {"provider": provider, "at": place.at, "name": place.name}
        async with database.read() as tx:
            ends = await tx.fetch(_END, **begin, until=until, skipped=at_most - 1)
            place = _Place(*ends[0]) if ends else _Place(until + 1, "")
            end = {"end": place.at, "last": place.name}
            ((count, text),) = await tx.fetch(_LINES, **words, **begin, **end)
        if count:
            yield Part(count, text.encode())
        if not ends:
            return


def _middle(provider: str) -> str:
    return f'","provider":{msgspec.json.encode(provider).decode()},"first_at":"'


class _Stamp(ColumnElement[str]):
    """Whole seconds since the epoch as RFC 3339 has them, up to the point before the fraction."""

    inherit_cache = False
    type = String()

    def __init__(self, seconds: ColumnElement[int]) -> None:
        self.seconds = seconds


@compiles(_Stamp, "postgresql")
def _to_char(one: _Stamp, compiler: SQLCompiler, **more: Any) -> str:
    when = func.timezone(said("UTC"), func.to_timestamp(one.seconds))
    return compiler.process(func.to_char(when, said('YYYY-MM-DD"T"HH24:MI:SS.')), **more)


@compiles(_Stamp, "sqlite")
def _strftime(one: _Stamp, compiler: SQLCompiler, **more: Any) -> str:
    stamp = func.strftime(said("%Y-%m-%dT%H:%M:%S."), one.seconds, said("unixepoch"))
    return compiler.process(stamp, **more)


class _Joined(ColumnElement[str]):
    """Texts put together, in the order in which the rows come."""

    inherit_cache = False
    type = String()

    def __init__(self, text: ColumnElement[str]) -> None:
        self.text = text


@compiles(_Joined, "postgresql")
def _string_agg(one: _Joined, compiler: SQLCompiler, **more: Any) -> str:
    return compiler.process(func.string_agg(one.text, said("")), **more)


@compiles(_Joined, "sqlite")
def _group_concat(one: _Joined, compiler: SQLCompiler, **more: Any) -> str:
    return compiler.process(func.group_concat(one.text, said("")), **more)


def _behind(*columns: Any) -> Select[Any]:
    # Of the time alone and of both: engines begin and end their scan with what stands alone.
    at: BindParameter[int] = bindparam("at")
    name: BindParameter[str] = bindparam("name")
    return (
        select(*columns)
        .where(
            _f.c.provider == bindparam("provider"),
            _f.c.first_at >= at,
            tuple_(*_ORDER) > tuple_(at, name),
        )
        .order_by(*_ORDER)
    )


def _ends() -> Select[Any]:
    within = _f.c.first_at <= bindparam("until")
    return _behind(*_ORDER).where(within).limit(1).offset(bindparam("skipped"))


def _lines() -> Select[Any]:
    milliseconds = _f.c.first_at // MILLISECOND % 1000
    line = (
        bindparam("head", type_=String)
        + _f.c.address_id
        + bindparam("middle", type_=String)
        + _Stamp(_f.c.first_at // SECOND)
        + func.substr(cast(1000 + milliseconds, String), 2)
        + bindparam("tail", type_=String)
    )
    end: BindParameter[int] = bindparam("end")
    last: BindParameter[str] = bindparam("last")
    within = (_f.c.first_at <= end, tuple_(*_ORDER) <= tuple_(end, last))
    rows = _behind(line.label("line")).where(*within).subquery()
    found: list[Any] = [func.count(), _Joined(rows.c.line)]
    return select(*found).select_from(rows)


_END = Repeated(lambda _insert: _ends())
_LINES = Repeated(lambda _insert: _lines())
