"""Records of a run in its result folder, as the server reads them again."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Row = Mapping[str, float]


def write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


class Trace:
    """evolution_trace.csv, one row for each iteration, on disk as soon as it is done: the evolution of `GET …/result`.

    `earlier` are the rows of a run that is being continued.
    """

    def __init__(self, folder: Path, earlier: Sequence[Row]) -> None:
        self._file = (folder / "evolution_trace.csv").open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._header = False
        for number, row in enumerate(earlier, start=1):
            self.add(number, row)

    def add(self, number: int, row: Row) -> None:
        if not self._header:
            self._writer.writerow(["iteration", *row])
            self._header = True
        self._writer.writerow([number, *row.values()])
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
