"""Statements compiled once for each engine, for hot paths that repeat them for ever.

What a library does for every row of every call, naming parameters and looking up types, costs more
than the row; here it is done once, and the driver gets its tuples. Results are the driver's own
too: on SQLite a boolean is 0 or 1.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Dialect,
    Text,
    any_,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import Select


def insert_of(engine: str) -> Callable[..., Any]:
    """An engine's own INSERT, which knows ON CONFLICT; one engine is not imported for the other."""
    if engine == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as pg_insert

        return pg_insert
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert


def of_postgresql(insert: Callable[..., Any]) -> bool:
    """Whether an INSERT is PostgreSQL's own."""
    return insert.__module__.startswith("sqlalchemy.dialects.postgresql")


class Call(NamedTuple):
    """A statement as the driver takes it, for one tuple of values or for a list of them."""

    sql: str
    values: tuple[Any, ...] | list[tuple[Any, ...]]


class Among(ColumnElement[bool]):
    """Whether a column of text holds one of those in the list that is bound as ``name``: one
    statement, however long the list is."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[str], name: str) -> None:
        self.column = column
        self.name = name


@compiles(Among, "postgresql")
def _among_array(one: Among, compiler: SQLCompiler, **more: Any) -> str:
    values = cast(bindparam(one.name), ARRAY(Text))
    return compiler.process(one.column == any_(values), **more)


@compiles(Among, "sqlite")
def _among_json(one: Among, compiler: SQLCompiler, **more: Any) -> str:
    values = func.json_each(bindparam(one.name)).table_valued("value")
    return compiler.process(one.column.in_(select(values.c.value)), **more)


def _as_json(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, list) else value


def _as_it_is(value: Any) -> Any:
    return value


class Compiled(NamedTuple):
    """What the driver takes: its SQL, the parameters' names in their order, those among them that
    are the same for every row, and how a value is bound that may be a list."""

    sql: str
    names: tuple[str, ...]
    fixed: dict[str, Any]
    bound: Callable[[Any], Any]

    def one(self, values: Mapping[str, Any]) -> Call:
        """A call with these values."""
        given = self.fixed | {name: self.bound(value) for name, value in values.items()}
        return Call(self.sql, tuple([given[name] for name in self.names]))

    def many(self, rows: Sequence[dict[str, Any]]) -> Call:
        """A call for each of the rows. A row may have more than is asked for."""
        return Call(self.sql, self.tuples(rows))

    def tuples(self, rows: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
        """The rows as the driver takes them."""
        fixed, names = self.fixed, self.names
        if fixed:
            rows = [fixed | row for row in rows]
        return [tuple([row[name] for name in names]) for row in rows]


class Repeated:
    """Such a statement. All its parameters are bound by name; lists only through ``Among``.

    Args:
        build: makes it, given the engine's own INSERT, which knows ON CONFLICT.
        columns: those of an INSERT that each row has.
    """

    def __init__(
        self,
        build: Callable[[Callable[..., Any]], UpdateBase | Select[Any]],
        columns: Sequence[str] = (),
    ) -> None:
        self._build = build
        self._columns = list(columns)
        self._compiled: dict[str, Compiled] = {}

    def on(self, dialect: Dialect) -> Compiled:
        """The statement on an engine."""
        found = self._compiled.get(dialect.name)
        if found is None:
            made = self._build(insert_of(dialect.name)).compile(
                dialect=dialect, column_keys=self._columns or None
            )
            if not isinstance(made, SQLCompiler) or made.positiontup is None:
                raise TypeError("not a statement with parameters by place")
            fixed = {name: value for name, value in made.params.items() if value is not None}
            bound = _as_json if dialect.name == "sqlite" else _as_it_is
            found = Compiled(made.string, tuple(made.positiontup), fixed, bound)
            self._compiled[dialect.name] = found
        return found
