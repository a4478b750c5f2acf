"""A CSV file of the user's own: a header, numbers, and one column of classes. The first flaw is told with its place."""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from api.errors import Flaw, InvalidInput
from api.workloads.inputs import read_text
from api.workloads.training.dataset import Dataset

MAX_BYTES = 50_000_000
MAX_FEATURES = 2000
MAX_CLASSES = 100
MAX_LABEL = 100
"""Characters of a class."""
MAX_NAME = 200
"""Characters of a column's name."""
LARGEST = 1e30
"""Numbers beyond it overflow when they are squared and summed up."""
_SHOWN = 60

Line = tuple[int, list[str]]
"""Where a record begins, from 1, and its cells."""


class CsvFile:
    """One file, known by the name that the user gave it."""

    def __init__(self, path: Path, name: str, target: str) -> None:
        self._path = path
        self._name = name
        self._target = target

    def read(self) -> Dataset:
        """`InvalidInput` names file, line and column of the first flaw."""
        lines = self._lines(read_text(self._path, MAX_BYTES, self._bad))
        header = self._header(lines)
        place = header.index(self._target)
        numbers = array("d")
        labels: list[str] = []
        lines_of: dict[str, list[int]] = {}
        for line, cells in lines:
            self._check_length(line, cells, header)
            label = self._label(line, cells.pop(place).strip(), lines_of)
            labels.append(label)
            lines_of.setdefault(label, []).append(line)
            self._numbers(line, cells, header, place, numbers)
        classes = self._classes(lines_of)
        features = tuple(name for name in header if name != self._target)
        indices = {label: number for number, label in enumerate(classes)}
        return Dataset(
            name=self._name,
            features=features,
            classes=classes,
            rows=np.frombuffer(numbers, dtype=np.float64).reshape(len(labels), len(features)),
            labels=np.array([indices[label] for label in labels], dtype=np.int64),
        )

    def _bad(self, message: str, line: int | None = None, column: str | None = None) -> InvalidInput:
        places = [_short(self._name)]
        if line is not None:
            places.append(f"line {line}")
        if column is not None:
            places.append(f"column {_short(column)!r}")
        return InvalidInput(flaws=[Flaw(("csv_file",), f"{', '.join(places)}: {message}")])

    def _lines(self, text: str) -> Iterator[Line]:
        """Every record that is not blank."""
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        while True:
            begins = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise self._bad(f"is not valid CSV: {error}", begins) from None
            if any(cell.strip() for cell in cells):
                yield begins, cells

    def _header(self, lines: Iterator[Line]) -> list[str]:
        line, cells = next(lines, (1, []))
        if not cells:
            raise self._bad("is empty: the first line must name the columns", line)
        header = [cell.strip() for cell in cells]
        for number, name in enumerate(header, start=1):
            if not name:
                raise self._bad(f"column {number} has no name", line)
            if len(name) > MAX_NAME:
                raise self._bad(f"the name of column {number} is longer than {MAX_NAME} characters", line)
            if name in header[: number - 1]:
                raise self._bad("stands there twice", line, name)
        if self._target not in header:
            listed = ", ".join(repr(_short(name)) for name in header[:10]) + (" …" if len(header) > 10 else "")
            raise self._bad(f"is missing: the columns, separated by commas, are {listed}", line, self._target)
        if not 2 <= len(header) <= MAX_FEATURES + 1:
            raise self._bad(
                f"{len(header) - 1:,} columns besides the target: at least 1, at most {MAX_FEATURES:,}", line
            )
        return header

    def _check_length(self, line: int, cells: list[str], header: list[str]) -> None:
        if len(cells) < len(header):
            raise self._bad(f"is missing: {len(cells)} cells for {len(header)} columns", line, header[len(cells)])
        if len(cells) > len(header):
            raise self._bad(f"comes last, but there are {len(cells)} cells for {len(header)} columns", line, header[-1])

    def _label(self, line: int, label: str, known: dict[str, list[int]]) -> str:
        if not label:
            raise self._bad("is empty", line, self._target)
        if len(label) > MAX_LABEL:
            raise self._bad(f"is longer than the {MAX_LABEL} characters that a class may have", line, self._target)
        if label not in known and len(known) == MAX_CLASSES:
            raise self._bad(
                f"{_short(label)!r} is class number {MAX_CLASSES + 1}, at most {MAX_CLASSES} are possible: "
                "the target must hold classes, not measured numbers",
                line,
                self._target,
            )
        return label

    def _numbers(self, line: int, cells: list[str], header: list[str], place: int, into: array[float]) -> None:
        for number, cell in enumerate(cells):
            try:
                value = float(cell)
            except ValueError:
                value = math.nan
            if not abs(value) <= LARGEST or "_" in cell:
                column = header[number + (number >= place)]
                raise self._bad(_what_is_wrong(cell.strip(), value), line, column)
            into.append(value)

    def _classes(self, lines_of: dict[str, list[int]]) -> tuple[str, ...]:
        """In the order of their numbers where they are whole numbers, else of the alphabet."""
        if len(lines_of) < 2:
            found = f"the only class is {_short(next(iter(lines_of)))!r}" if lines_of else "there are no rows"
            last = max((lines[-1] for lines in lines_of.values()), default=1)
            raise self._bad(f"{found}: at least 2 classes are needed", last, self._target)
        for label, lines in lines_of.items():
            if len(lines) < 2:
                raise self._bad(
                    f"the class {_short(label)!r} has this row only: at least 2 of each are needed, "
                    "one to learn from and one to validate with",
                    lines[0],
                    self._target,
                )
        try:
            return tuple(sorted(lines_of, key=lambda label: (int(label), label)))
        except ValueError:
            return tuple(sorted(lines_of))


def _what_is_wrong(cell: str, value: float) -> str:
    if not cell:
        return "is empty: every feature needs a number"
    if math.isnan(value) or "_" in cell:
        return f"{_short(cell)!r} is not a number"
    return f"{_short(cell)!r} is too large: at most {LARGEST:g}"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
