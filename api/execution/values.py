"""Values from workloads made fit for JSON: metrics and results. No NaN or infinity leaves the child."""

from __future__ import annotations

import math
from collections.abc import Mapping
from os import PathLike
from typing import Any

from api.errors import WorkloadError

_DEPTH = 64
_EXACT = 2**53
"""Beyond it a browser's numbers, and most parsers', are doubles."""


def finite_metrics(metrics: Mapping[str, Any]) -> tuple[dict[str, float | None], dict[str, str]]:
    """The metrics as plain numbers, and what was NaN or infinite by name.

    Anything that converts to a float is a number, such as NumPy's scalars; None stays None.
    `WorkloadError` for the rest.
    """
    if not isinstance(metrics, Mapping):
        raise WorkloadError(f"ctx.iteration: metrics must be a mapping of names to numbers, not {_kind(metrics)}")
    clean: dict[str, float | None] = {}
    nonfinite: dict[str, str] = {}
    for name, value in metrics.items():
        if not isinstance(name, str):
            raise WorkloadError(f"ctx.iteration: the name of a metric must be a string, not {name!r:.100}")
        number = _metric(name, value)
        clean[name] = number if number is None or math.isfinite(number) else None
        if number is not None and not math.isfinite(number):
            nonfinite[name] = nonfinite_name(number)
    return clean, nonfinite


def _metric(name: str, value: Any) -> float | None:
    if value is None or type(value) is float:
        return value
    if isinstance(value, int) and abs(value) < _EXACT:
        return int(value)
    try:
        if not isinstance(value, (str, bytes, bytearray)):
            return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor of several elements
        pass
    raise WorkloadError(f"ctx.iteration: the metric {name[:100]!r} must be a number, not {_kind(value)}")


def nonfinite_name(number: float) -> str:
    """`nan`, `inf` or `-inf`."""
    return "nan" if math.isnan(number) else "inf" if number > 0 else "-inf"


def json_result(result: Any) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """A workload's result as JSON values, and what was NaN or infinite by path. `WorkloadError` for the rest."""
    if result is None:
        return None, {}
    if not isinstance(result, Mapping):
        raise WorkloadError(f"the workload returned {_kind(result)}; a result is a mapping or None")
    reader = _Json()
    return reader.mapping(result, "", 0), reader.nonfinite


class _Json:
    """One walk through a result."""

    def __init__(self) -> None:
        self.nonfinite: dict[str, str] = {}

    def mapping(self, value: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
        return {self._key(key, path): self._any(each, f"{path}.{key}", depth + 1) for key, each in value.items()}

    def _any(self, value: Any, path: str, depth: int) -> Any:
        if depth > _DEPTH:
            raise WorkloadError(f"the workload returned a result that is nested deeper than {_DEPTH} levels")
        if value is None or isinstance(value, (str, bool)):
            return value
        if isinstance(value, int):
            return int(value)
        if isinstance(value, Mapping):
            return self.mapping(value, path, depth)
        if isinstance(value, (list, tuple)):
            return [self._any(each, f"{path}.{n}", depth + 1) for n, each in enumerate(value)]
        return self._scalar(value, path, depth)

    def _scalar(self, value: Any, path: str, depth: int) -> Any:
        if isinstance(value, PathLike):
            return str(value)
        if isinstance(value, float):
            return self._float(float(value), path)
        plain = _numpy(value)
        if plain is not None:
            return self._any(plain, path, depth)
        raise self._not_json(path, f"is {_kind(value)}")

    def _float(self, number: float, path: str) -> float | None:
        if math.isfinite(number):
            return number
        self.nonfinite[path[1:]] = nonfinite_name(number)
        return None

    def _key(self, key: Any, path: str) -> str:
        if isinstance(key, (str, int)):
            return str(key)
        raise self._not_json(path, f"has the key {key!r:.100}")

    def _not_json(self, path: str, what: str) -> WorkloadError:
        return WorkloadError(f"the workload returned a result that is not JSON: result{path[:200]} {what}")


def _numpy(value: Any) -> Any:
    """A NumPy scalar or array as plain values, without importing NumPy; None for anything else."""
    plain = value.tolist() if type(value).__module__ == "numpy" and hasattr(value, "tolist") else None
    return plain if isinstance(plain, (bool, int, float, str, list)) else None


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"
