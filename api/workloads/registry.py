"""The workloads of this installation, found by their entry points, and the check of their params."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from api.domain.workload import ENTRY_POINT_GROUP, Workload
from api.errors import Flaw, InvalidInput, WorkloadError

MAX_FLAWS = 50
MAX_DEPTH = 64
_TEXT = 300
_KEY = 100


class Workloads(dict[str, Workload]):
    """Workloads by type, and why the others could not be loaded."""

    broken: dict[str, str]

    def __init__(self) -> None:
        super().__init__()
        self.broken = {}


def load_workloads() -> Workloads:
    """Every installed workload. One that cannot be loaded is in `broken` with the reason, and stops no other."""
    found = Workloads()
    for name, points in sorted(_registered().items()):
        try:
            found[name] = _load(name, points)
        except WorkloadError as error:
            found.broken[name] = error.message
    return found


def load_workload(type_: str, definition: Mapping[str, Any] | None = None) -> Workload:
    """One workload, without importing the others. `WorkloadError` says why there is none.

    With a `definition` it is the command that this describes.
    """
    if definition is not None:
        from api.workloads.command import command_workload

        return command_workload(type_, definition)
    return _load(type_, _registered().get(type_, []))


def _registered() -> dict[str, list[EntryPoint]]:
    by_name: dict[str, list[EntryPoint]] = defaultdict(list)
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if all(point.value != other.value for other in by_name[point.name]):  # the same one, found twice
            by_name[point.name].append(point)
    return by_name


def _load(name: str, points: Sequence[EntryPoint]) -> Workload:
    if not points:
        raise WorkloadError(f"no workload of the type {name!r} is installed")
    if len(points) > 1:
        places = " and ".join(sorted(_origin(point) for point in points))
        raise WorkloadError(f"the workload {name!r} is registered more than once: by {places}")
    return _checked(name, points[0], _imported(name, points[0]))


def _imported(name: str, point: EntryPoint) -> Any:
    try:
        return point.load()
    except (Exception, SystemExit) as error:  # whatever a stranger's module does when it is imported
        reason = f"{type(error).__name__}: {error}"[:_TEXT]
        raise WorkloadError(f"the workload {name!r} of {_origin(point)} cannot be loaded: {reason}") from error


def _checked(name: str, point: EntryPoint, loaded: Any) -> Workload:
    problem = None
    if not isinstance(loaded, Workload):
        problem = f"is not a Workload but of type {type(loaded).__name__}"
    elif loaded.type != name:
        problem = f"has the type {loaded.type!r}; the name of its entry point must be the same"
    elif not (isinstance(loaded.params, type) and issubclass(loaded.params, BaseModel)):
        problem = "has params that are no pydantic model"
    if problem:
        raise WorkloadError(f"the workload {name!r} of {_origin(point)} {problem}")
    workload: Workload = loaded
    return workload


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} ({point.value})" if point.dist else point.value


# -- params --------------------------------------------------------------------------------------------


def params_schema(workload: Workload) -> dict[str, Any]:
    """The JSON Schema of a workload's params."""
    schema: dict[str, Any] = workload.params.model_json_schema()
    return schema


def validate_params(
    workload: Workload, params: Any, input_dirs: Sequence[Path], later: Collection[str] = ()
) -> dict[str, Any]:
    """`params` checked, with defaults filled in, as JSON values.

    `InvalidInput` with a flaw for each wrong value, `loc` starting with "params". Its messages do not
    repeat long input. With fields whose values come `later`, what is wrong whatever they will be is refused,
    and the params come back as they are.
    """
    if later:
        _check_without(workload, params, input_dirs, later)
        return dict(params)
    model = parse_params(workload, params, input_dirs)
    values: dict[str, Any] = model.model_dump(mode="json")
    _refuse(_nonfinite(model.model_dump(), ("params",)))  # also what was made of the text "nan"
    return values


def parse_params(workload: Workload, params: Any, input_dirs: Sequence[Path]) -> Any:
    """`params` as the workload's own model; `InvalidInput` as above."""
    if not isinstance(params, Mapping):
        raise InvalidInput(flaws=[Flaw(("params",), "must be an object")])
    _refuse(_nonfinite(params, ("params",)))
    try:
        return workload.params.model_validate(dict(params), context={"input_dirs": tuple(input_dirs)})
    except ValidationError as error:
        raise InvalidInput(flaws=_flaws(_wrong(error))) from None
    except (ArithmeticError, LookupError, RecursionError, TypeError, AttributeError) as error:
        # A validator of the workload tripped over the value: the value is what the user can change.
        flaw = Flaw(("params",), f"the workload cannot check these ({type(error).__name__})")
        raise InvalidInput(flaws=[flaw]) from error


def _check_without(workload: Workload, params: Any, input_dirs: Sequence[Path], later: Collection[str]) -> None:
    """What a whole-model check says is not known yet; an unknown field stays unknown whatever comes into it."""
    _refuse(_nonfinite(params, ("params",)))
    try:
        workload.params.model_validate(dict(params), context={"input_dirs": tuple(input_dirs)})
    except ValidationError as error:
        wrong = [each for each in _wrong(error) if _holds_now(each, later)]
        if wrong:
            raise InvalidInput(flaws=_flaws(wrong)) from None
    except (ArithmeticError, LookupError, RecursionError, TypeError, AttributeError):
        return  # a validator tripped over what stands there until then


def _holds_now(wrong: ErrorDetails, later: Collection[str]) -> bool:
    loc = wrong["loc"]
    return bool(loc) and (loc[0] not in later or (wrong["type"] == "extra_forbidden" and len(loc) == 1))


def _wrong(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_input=False, include_context=False)


def _flaws(wrong: Sequence[ErrorDetails]) -> list[Flaw]:
    flaws = [Flaw(("params", *map(_short_key, each["loc"])), _short(each["msg"])) for each in wrong[:MAX_FLAWS]]
    if len(wrong) > MAX_FLAWS:
        flaws.append(Flaw(("params",), f"and {len(wrong) - MAX_FLAWS:,} more"))
    return flaws


def _short(message: str) -> str:
    text = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return text if len(text) <= _TEXT else text[:_TEXT] + "…"


def _short_key(part: str | int) -> str | int:
    return part if isinstance(part, int) or len(part) <= _KEY else part[:_KEY] + "…"


def _refuse(flaws: Iterator[Flaw]) -> None:
    found = [flaw for _, flaw in zip(range(MAX_FLAWS), flaws, strict=False)]
    if found:
        raise InvalidInput(flaws=found)


def _nonfinite(value: Any, loc: tuple[str | int, ...]) -> Iterator[Flaw]:
    """Where NaN and infinity stand in nested values, and where these are nested too deep."""
    if len(loc) > MAX_DEPTH:
        yield Flaw(loc[:4], f"is nested deeper than {MAX_DEPTH} levels")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Flaw(loc, "must be a finite number")
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _nonfinite(each, (*loc, _short_key(str(key))))
    elif isinstance(value, (list, tuple)):
        for index, each in enumerate(value):
            yield from _nonfinite(each, (*loc, index))
