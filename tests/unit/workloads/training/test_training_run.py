"""Runs of the workload: determinism, resumption, early stop, divergence, what is reported and written."""

from __future__ import annotations

import csv
import json
from typing import Any

import numpy as np
import pytest

from api.errors import TaskCancelled, TaskFailed, TaskPaused
from api.workloads.training import progress, workload
from api.workloads.training.model import load_model

pytestmark = pytest.mark.usefixtures("no_pictures")
BATCHES = 8
EPOCHS = 6


def trace(context: Any) -> list[dict[str, str]]:
    with (context.artifact_dir / "evolution_trace.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_same_seed_gives_the_same_files_and_another_seed_another_model(
    new_context: Any, quick: Any, files: Any
) -> None:
    first, again, other = new_context(), new_context(), new_context()
    assert workload.run(quick(), first) == workload.run(quick(), again)
    workload.run(quick(seed=1), other)
    assert files(first) == files(again)
    assert files(first)["model.npz"] != files(other)["model.npz"]


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("schedule", ["constant", "cosine", "step"])
@pytest.mark.parametrize("how", ["cancel_at", "pause_at", "kill_at"])
@pytest.mark.parametrize("at", [1, 5, BATCHES + 1, 3 * BATCHES + 6, EPOCHS * BATCHES])
def test_resumed_run_ends_exactly_as_an_uninterrupted_one(
    new_context: Any, quick: Any, files: Any, at: int, how: str, schedule: str, optimizer: str
) -> None:
    """Interrupted before the first batch, within an epoch, between two, before the last batch."""
    params = quick(schedule=schedule, optimizer=optimizer, step_epochs=2, patience=4)
    whole, broken = new_context(), new_context(**{how: at})
    result = workload.run(params, whole)
    with pytest.raises({"cancel_at": TaskCancelled, "pause_at": TaskPaused, "kill_at": KeyboardInterrupt}[how]):
        workload.run(params, broken)

    resumed = new_context(restored=broken.saved[-1] if broken.saved else None)
    assert result == workload.run(params, resumed)

    assert whole.iterations == broken.iterations + resumed.iterations
    assert files(whole) == files(resumed)
    done_again = broken.checkpoints + resumed.checkpoints - whole.checkpoints - 1
    assert done_again == ((at - 1) % BATCHES if how == "kill_at" else 0), "only a kill loses batches"


def test_run_interrupted_again_and_again_ends_exactly_as_an_uninterrupted_one(
    new_context: Any, quick: Any, files: Any
) -> None:
    whole, part = new_context(), new_context(cancel_at=4)
    workload.run(quick(), whole)
    parts = [part]
    while True:
        try:
            workload.run(quick(), parts[-1])
        except TaskCancelled:
            parts.append(new_context(restored=parts[-1].saved[-1], cancel_at=4))
        else:
            break
    assert EPOCHS * BATCHES // 3 == len(parts)
    assert whole.iterations == [told for part in parts for told in part.iterations]
    assert files(whole) == files(parts[-1])


def test_run_resumed_after_its_last_epoch_only_writes_the_results(new_context: Any, quick: Any, files: Any) -> None:
    whole = new_context()
    workload.run(quick(), whole)
    resumed = new_context(restored=whole.saved[-1])
    workload.run(quick(), resumed)
    assert files(whole) == files(resumed)
    assert 0 == resumed.checkpoints
    assert [] == resumed.iterations


@pytest.mark.parametrize("state", ["", "rubbish", "cut", "turned", "other seed", "other layers", "other split"])
def test_state_that_does_not_belong_is_said_and_not_used(new_context: Any, quick: Any, files: Any, state: str) -> None:
    whole, other = new_context(), new_context()
    workload.run(quick(), whole)
    changes: dict[str, dict[str, Any]] = {
        "other seed": {"seed": 9},
        "other layers": {"hidden_layers": [12]},
        "other split": {"split_seed": 5},
    }
    if state in changes:
        workload.run(quick(epochs=1, **changes[state]), other)
        saved = other.saved[-1]
    elif state in ("cut", "turned"):
        good = whole.saved[-1]
        saved = good[:-100] if state == "cut" else good[:5000] + bytes([good[5000] ^ 1]) + good[5001:]
    else:
        saved = state.encode()
    resumed = new_context(restored=saved)
    workload.run(quick(), resumed)
    assert files(whole) == files(resumed)
    assert any(level == "warning" and "starting anew" in text for level, text in resumed.logs)


def test_another_learning_rate_and_more_epochs_go_on_from_the_saved_state(new_context: Any, quick: Any) -> None:
    first = new_context()
    workload.run(quick(), first)
    more = new_context(restored=first.saved[-1])
    result = workload.run(quick(epochs=8, learning_rate=0.0005, schedule="constant"), more)
    assert [7, 8] == [number for number, _ in more.iterations][-2:]
    assert all(0.0005 == metrics["learning_rate"] for _, metrics in more.iterations[-2:])
    assert result is not None
    assert 8 == result["epochs"] == len(trace(more))


def test_every_epoch_reports_plain_finite_numbers_and_is_on_disk(new_context: Any, quick: Any) -> None:
    context = new_context()
    result = workload.run(quick(), context)
    assert result is not None
    assert list(range(1, EPOCHS + 1)) == [number for number, _ in context.iterations]
    for _, metrics in context.iterations:
        assert {"train_loss", "val_loss", "train_acc", "val_acc", "learning_rate"} == metrics.keys()
        assert all(type(value) is float for value in metrics.values())
    assert [metrics for _, metrics in context.iterations] == [
        {name: float(cell) for name, cell in row.items() if name != "iteration"} for row in trace(context)
    ]
    losses = [metrics["train_loss"] for _, metrics in context.iterations]
    assert losses[-1] < losses[0]
    json.dumps(result, allow_nan=False)
    assert result["metrics"] == context.iterations[-1][1]
    best = max(context.iterations, key=lambda each: (each[1]["val_acc"], -each[1]["val_loss"]))
    assert (best[0], best[1]["val_acc"]) == (result["best"]["epoch"], result["best"]["val_acc"])
    assert list("0123456789") == result["classes"]


def test_every_batch_is_reported_so_that_a_client_can_tell_epoch_and_batch(new_context: Any, quick: Any) -> None:
    context = new_context()
    workload.run(quick(epochs=2), context)
    read = [progress.read({"message": message}) for _, _, message in context.progresses]
    told = [(each.epoch, each.epochs, each.batch, each.total_batches) for each in read if each]
    assert told == [(epoch, 2, batch, BATCHES) for epoch in (1, 2) for batch in range(1, BATCHES + 1)]
    currents = [current for current, total, _ in context.progresses if total == 2]
    assert currents == sorted(currents)
    assert (1 / BATCHES, 2.0) == (currents[0], currents[-1])


def test_training_stops_early_and_leaves_its_best_model_not_its_last(new_context: Any, quick: Any) -> None:
    """A rate this high makes the later epochs worse than the best."""
    context = new_context()
    result = workload.run(quick(epochs=500, patience=3, learning_rate=0.1, schedule="constant"), context)
    assert result is not None
    assert ("early_stopping", result["best"]["epoch"] + 3) == (result["stop_reason"], result["epochs"])
    assert result["metrics"]["val_acc"] < result["best"]["val_acc"]
    matrix = np.array(json.loads((context.artifact_dir / "confusion_matrix.json").read_text())["matrix"])
    assert matrix.trace() / matrix.sum() == result["best"]["val_acc"]
    assert matrix.sum() == result["val_rows"]


def test_the_model_file_alone_finds_what_the_run_found(new_context: Any, quick: Any) -> None:
    """The split that its rows were validated on is scikit-learn's own, so that anyone can repeat it."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    context = new_context()
    result = workload.run(quick(), context)
    assert result is not None
    rows, labels = load_digits(return_X_y=True)
    _, kept = train_test_split(np.arange(len(labels)), test_size=0.2, random_state=0, stratify=labels)
    model = load_model(context.artifact_dir / "model.npz")
    found = model.predict(rows[kept])
    matrix = np.zeros((10, 10), dtype=int)
    for true, label in zip(labels[kept], found, strict=True):
        matrix[true, int(label)] += 1
    assert matrix.tolist() == json.loads((context.artifact_dir / "confusion_matrix.json").read_text())["matrix"]
    assert matrix.trace() / len(kept) == result["best"]["val_acc"]


@pytest.mark.parametrize(
    ("batch_size", "said", "epochs"),
    [(200, "the training loss is inf in epoch 1, batch 3 of 8", 0), (1437, "the validation loss is nan in epoch 2", 1)],
)
def test_divergence_is_told_in_a_sentence(
    new_context: Any, quick: Any, capfd: Any, batch_size: int, said: str, epochs: int
) -> None:
    context = new_context()
    changes = {"learning_rate": 1000, "optimizer": "sgd", "dropout": 0, "hidden_layers": [64] * 4}
    with pytest.raises(TaskFailed) as caught:
        workload.run(quick(batch_size=batch_size, **changes), context)
    assert said in caught.value.message
    assert "the learning_rate of 1000 may be too high" in caught.value.message
    assert epochs == len(context.iterations) == len(context.saved) == len(trace(context))
    assert (epochs > 0) == ("retry it from its checkpoint" in caught.value.message)
    assert "" == capfd.readouterr().err, "no warnings of NumPy's besides"


def test_divergence_loses_nothing_and_the_saved_state_goes_on(new_context: Any, quick: Any) -> None:
    good = new_context()
    workload.run(quick(), good)
    bad = new_context(restored=good.saved[2])
    with pytest.raises(TaskFailed, match="retry it from its checkpoint to go on after epoch 3"):
        workload.run(quick(learning_rate=1000.0, hidden_layers=[12, 8], weight_decay=1.0), bad)
    assert [] == bad.saved
    assert 3 == len(trace(bad))
    assert load_model(bad.artifact_dir / "model.npz").classes == tuple("0123456789")
    again = new_context(restored=good.saved[2])
    workload.run(quick(), again)
    assert good.iterations[3:] == again.iterations


def test_a_cancelled_training_leaves_its_best_model(new_context: Any, quick: Any, files: Any) -> None:
    context = new_context(cancel_at=2 * BATCHES + 2)
    with pytest.raises(TaskCancelled):
        workload.run(quick(), context)
    assert {"model.npz", "evolution_trace.csv"} == files(context).keys()
    assert 2 == len(trace(context))


def test_a_linear_classifier_and_a_batch_larger_than_the_data_work(new_context: Any, quick: Any) -> None:
    result = workload.run(quick(hidden_layers=[], batch_size=65_536, epochs=3), new_context())
    assert result is not None
    assert (3, 65 * 10) == (result["epochs"], result["parameters"])


@pytest.mark.long
@pytest.mark.timeout(600)
def test_mean_validation_accuracy_of_five_seeds_with_the_defaults(new_context: Any) -> None:
    """On one split; 98.4 % is what docs/how-to/train-a-model.md states."""
    results = [workload.run(workload.params(seed=seed), new_context()) for seed in range(5)]
    assert 0.97 <= sum(result["best"]["val_acc"] for result in results if result) / 5
    assert 0.97 <= sum(result["metrics"]["val_acc"] for result in results if result) / 5
