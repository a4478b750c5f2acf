"""Training: a small neural network learns to classify, and is watched epoch by epoch.

Importing this package is light; NumPy, scikit-learn and matplotlib come in with `run`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.workloads import Context, Workload
from api.workloads.training.params import TrainingParams

__all__ = ["TrainingParams", "workload"]


def run(params: TrainingParams, ctx: Context) -> Mapping[str, Any]:
    """Train a network and write the result folder; see docs/how-to/train-a-model.md."""
    warm_up()
    from api.workloads.training.runner import train

    return train(params, ctx)


def warm_up() -> None:
    """Import the numerical libraries, on one core."""
    from api.workloads.one_core import limit_threads

    limit_threads()  # they read it when they are loaded, so before the next import
    import api.workloads.training.runner  # noqa: F401


workload = Workload(
    type="training",
    title="Train a classifier",
    params=TrainingParams,
    run=run,
    warm_up=warm_up,
    description=(
        "Trains a neural network on handwritten digits, or on a CSV file of your own: loss and accuracy of each epoch, "
        "early stopping, the best model and its confusion matrix."
    ),
    example={"epochs": 80, "learning_rate": 0.001},
)
