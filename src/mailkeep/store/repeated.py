"""A statement for many rows, compiled once for each engine.

What a library does for every row of every call, to name parameters, to look for types, costs more
than the row; here it is done once, and the driver gets its tuples.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase


class Compiled(NamedTuple):
    """What the driver takes: its SQL, the parameters' names in their order, and those among them
    that are the same for every row."""

    sql: str
    names: tuple[str, ...]
    fixed: dict[str, Any]

    def tuples(self, rows: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
        """The rows as the driver takes them. A row may have more than is asked for."""
        fixed, names = self.fixed, self.names
        if fixed:
            rows = [fixed | row for row in rows]
        return [tuple([row[name] for name in names]) for row in rows]


class Repeated:
    """Such a statement. All its parameters are bound by name; none is a list.

    Args:
        build: makes it, given the engine's own INSERT, which knows ON CONFLICT.
        columns: those of an INSERT that each row has.
    """

    def __init__(
        self, build: Callable[[Callable[..., Any]], UpdateBase], columns: Sequence[str] = ()
    ) -> None:
        self._build = build
        self._columns = list(columns)
        self._compiled: dict[str, Compiled] = {}

    def on(self, dialect: Dialect) -> Compiled:
        """The statement on an engine."""
        found = self._compiled.get(dialect.name)
        if found is None:
            insert = pg_insert if dialect.name == "postgresql" else sqlite_insert
            made = self._build(insert).compile(dialect=dialect, column_keys=self._columns or None)
            if not isinstance(made, SQLCompiler) or made.positiontup is None:
                raise TypeError("not a statement with parameters by place")
            fixed = {name: value for name, value in made.params.items() if value is not None}
            found = Compiled(made.string, tuple(made.positiontup), fixed)
            self._compiled[dialect.name] = found
        return found
