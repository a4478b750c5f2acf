"""Params: bounds, and what a form and a client can say of them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from api.workloads.training import TrainingParams, progress, workload


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("epochs", value) for value in (0, 10_001, "20", True, 1.5, None)),
        *(("batch_size", value) for value in (0, 65_537, "32")),
        *(("learning_rate", value) for value in (0, -0.1, 1001, float("nan"), float("inf"), "0.1", True)),
        *(("schedule", value) for value in ("linear", 1, None)),
        *(("step_epochs", value) for value in (0, 2.5)),
        *(("step_factor", value) for value in (0, 1.1)),
        *(("optimizer", value) for value in ("lbfgs", None)),
        *(("weight_decay", value) for value in (-0.1, 1.1)),
        *(("dropout", value) for value in (-0.1, 0.95, 1)),
        *(("hidden_layers", value) for value in (64, [0], [1025], ["64"], [1] * 5, None)),
        *(("validation_fraction", value) for value in (0, 0.04, 0.51, 1)),
        *(("patience", value) for value in (-1, 0.5)),
        *(("seed", value) for value in (-1, 2**32)),
        *(("split_seed", value) for value in (-1, 2**32)),
        *(("target", value) for value in ("", "x" * 201, 3)),
        ("csv_file", 3),
        ("epoch", 20),
    ],
)
def test_bad_params_are_refused_and_named(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        TrainingParams.model_validate({field: value})
    assert field in {error["loc"][0] for error in caught.value.errors()}


def test_defaults_are_enough_come_back_from_json_and_are_described() -> None:
    params = TrainingParams()
    assert params == TrainingParams.model_validate(params.model_dump(mode="json"))
    assert workload.example.items() <= params.model_dump(mode="json").items()
    fields = TrainingParams.model_json_schema()["properties"]
    assert all(field.get("description") for field in fields.values())


def test_importing_the_workload_brings_in_no_numerical_library() -> None:
    code = """
import sys, api.workloads.training, api.workloads.training.progress
assert not {"numpy", "sklearn", "matplotlib"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_batchs_place_is_read_from_the_data_of_its_event() -> None:
    where = progress.BatchProgress(epoch=3, epochs=80, batch=12, total_batches=90)
    assert where == progress.read({"current_iteration": 2, "max_iterations": 80, "message": where.write()})
    assert 2 + 12 / 90 == where.current


@pytest.mark.parametrize(
    "data", [{}, {"message": None}, {"message": "drawing the pictures"}, {"message": "epoch 3 of 80, batch 12 of 90."}]
)
def test_other_progress_tells_of_no_batch(data: dict[str, Any]) -> None:
    assert progress.read(data) is None
