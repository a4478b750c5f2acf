"""SQL written in Core, compiled once, and run by the driver itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement, Dialect


@dataclass(frozen=True, slots=True)
class Compiled:
    """The text for the driver, the names of its positional parameters in order, and those that are fixed."""

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]

    def positional(self, values: Mapping[str, Any]) -> list[Any]:
        if self.constants:
            values = {**self.constants, **values}
        return [values[name] for name in self.names]


class Statement:
    """A clause whose values are all named by `bindparam`.

    `sqlalchemy.Connection.execute` finds the same text in its cache, but a select by primary key costs
    59 µs there and 9 µs by the driver, an update 34 and 6.5, an insert 25 and 2.5; and it may log.
    """

    __slots__ = ("_clause", "_compiled")

    def __init__(self, clause: ClauseElement) -> None:
        self._clause = clause
        self._compiled: dict[str, Compiled] = {}

    def on(self, dialect: Dialect) -> Compiled:
        try:
            return self._compiled[dialect.name]
        except KeyError:
            return self._compiled.setdefault(dialect.name, self._compile(dialect))

    def _compile(self, dialect: Dialect) -> Compiled:
        compiled = self._clause.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        names = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]  # has it: the style is `?`
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        return Compiled(str(compiled), names, constants)
