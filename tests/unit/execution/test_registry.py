"""Finding workloads by their entry points, and checking params."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, field_validator

from api.errors import InvalidInput, WorkloadError
from api.workloads import InputFile, Workload
from api.workloads.registry import load_workload, load_workloads, params_schema, validate_params

MODULE = """
from pydantic import BaseModel
from api.workloads import Workload
class P(BaseModel):
    pass
def make(type_):
    return Workload(type_, "x", P, lambda params, ctx: None)
good = make("good")
other = make("other-name")
plain = {"type": "plain"}
class Q:
    pass
modelless = Workload("modelless", "x", Q, lambda params, ctx: None)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts distributions on the path that register workloads, as an installer would."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "strange_workloads.py").write_text(MODULE)
    (tmp_path / "exploding_workloads.py").write_text("raise RuntimeError('boom ' + 'x' * 1000)")
    (tmp_path / "exiting_workloads.py").write_text("raise SystemExit(2)")

    def add(distribution: str, **entries: str) -> None:
        folder = tmp_path / f"{distribution}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = "".join(f"{name.replace('_', '-')} = {target}\n" for name, target in entries.items())
        (folder / "entry_points.txt").write_text(f"[runcast.workloads]\n{lines}")

    yield add
    for name in ("strange_workloads", "exploding_workloads", "exiting_workloads"):
        sys.modules.pop(name, None)


def test_an_installed_workload_is_found_by_its_type() -> None:
    """Those of the test distribution, which is installed as a third party's."""
    found = load_workloads()
    assert found["test-noop"].type == "test-noop"
    assert found["test-noop"] is load_workload("test-noop")
    assert {name: why for name, why in found.broken.items() if name.startswith("test-")} == {}


@pytest.mark.parametrize(
    ("name", "target", "reason"),
    [
        ("missing", "no_such_module_anywhere:x", "cannot be loaded: ModuleNotFoundError"),
        ("attribute", "strange_workloads:nothing", "cannot be loaded: AttributeError"),
        ("exploding", "exploding_workloads:x", "cannot be loaded: RuntimeError: boom"),
        ("exiting", "exiting_workloads:x", "cannot be loaded: SystemExit: 2"),
        ("plain", "strange_workloads:plain", "is not a Workload but of type dict"),
        ("named", "strange_workloads:other", "has the type 'other-name'; the name of its entry point must be the same"),
        ("modelless", "strange_workloads:modelless", "has params that are no pydantic model"),
    ],
)
def test_a_broken_workload_is_reported_and_stops_no_other(install: Any, name: str, target: str, reason: str) -> None:
    """With its name, its distribution and the reason, which is not long."""
    install("strange", **{name: target, "good": "strange_workloads:good"})
    found = load_workloads()
    assert "good" in found
    assert name not in found
    assert f"the workload {name!r} of strange ({target}) {reason}" in found.broken[name]
    assert len(found.broken[name]) < 500
    with pytest.raises(WorkloadError, match=name):
        load_workload(name)


def test_two_distributions_with_one_name_are_a_clear_error(install: Any) -> None:
    """Neither is taken: nobody can know which is meant."""
    install("one", good="strange_workloads:good")
    install("two", good="strange_workloads:other")
    found = load_workloads()
    assert "good" not in found
    assert found.broken["good"] == (
        "the workload 'good' is registered more than once: "
        "by one (strange_workloads:good) and two (strange_workloads:other)"
    )


def test_the_same_entry_found_twice_is_no_conflict(install: Any) -> None:
    """As with a checkout that is installed as well."""
    install("one", good="strange_workloads:good")
    install("two", good="strange_workloads:good")
    assert "good" in load_workloads()


def test_an_unknown_type_is_told() -> None:
    """By its name."""
    with pytest.raises(WorkloadError, match="no workload of the type 'nothing' is installed"):
        load_workload("nothing")


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")

    n: int = 3
    rate: float = 0.5
    numbers: list[float] = []
    file: InputFile | None = None
    anything: Any = None
    picky: str = ""

    @field_validator("picky")
    @classmethod
    def _check(cls, value: str) -> str:
        if value:
            {}[value]
        return value


WORKLOAD = Workload("checked", "x", Params, lambda params, ctx: None)


def flaws(params: Any, folder: Path = Path("/nowhere")) -> dict[str, str]:
    """What is wrong with `params`, by place."""
    with pytest.raises(InvalidInput) as raised:
        validate_params(WORKLOAD, params, [folder])
    assert all(flaw.loc[0] == "params" for flaw in raised.value.flaws)
    return {".".join(map(str, flaw.loc)): flaw.msg for flaw in raised.value.flaws}


def test_params_come_back_as_json_values_with_defaults(tmp_path: Path) -> None:
    """Input files are looked up in the input folders."""
    (tmp_path / "a.txt").write_text("")
    expected = {"n": 5, "rate": 0.5, "numbers": [1.0], "file": "a.txt", "anything": None, "picky": ""}
    assert expected == validate_params(WORKLOAD, {"n": 5, "numbers": [1], "file": "a.txt"}, [tmp_path])


def test_each_wrong_param_is_named(tmp_path: Path) -> None:
    """All of them at once."""
    found = flaws({"n": "many", "rate": [], "colour": 1, "file": "../secret"}, tmp_path)
    assert {"params.n", "params.rate", "params.colour", "params.file"} == set(found)
    assert found["params.file"] == "no such file in the input folders: '../secret'"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_nan_and_infinity_are_refused_wherever_they_stand(value: float) -> None:
    """In a field of any type, nested, and as the text that a number is made of."""
    assert flaws({"rate": value}) == {"params.rate": "must be a finite number"}
    assert flaws({"numbers": [1, value]}) == {"params.numbers.1": "must be a finite number"}
    assert flaws({"anything": {"x": [value]}}) == {"params.anything.x.0": "must be a finite number"}
    assert flaws({"rate": str(value)}) == {"params.rate": "must be a finite number"}


@pytest.mark.parametrize("wrong", [None, [], "text", 3])
def test_params_are_an_object(wrong: Any) -> None:
    """Nothing else."""
    assert flaws(wrong) == {"params": "must be an object"}


def test_messages_do_not_repeat_long_input() -> None:
    """Neither values nor names, and there are not more than fifty of them."""
    found = flaws({"k" * 10_000: 1, "n": "v" * 10_000, "numbers": ["x"] * 1000})
    assert all(len(place) < 150 and len(message) < 350 for place, message in found.items())
    assert len(found) == 51
    assert found["params"] == "and 952 more"


def test_deep_nesting_is_refused() -> None:
    """Before anything recurses into it."""
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    assert flaws({"anything": deep}) == {"params.anything.0.0": "is nested deeper than 64 levels"}


def test_a_validator_that_trips_over_a_value_is_the_users_422() -> None:
    """With the little that can be said."""
    assert flaws({"picky": "x"}) == {"params": "the workload cannot check these (KeyError)"}


def test_the_schema_is_that_of_the_model() -> None:
    """With every field."""
    assert set(Params.model_fields) == set(params_schema(WORKLOAD)["properties"])
