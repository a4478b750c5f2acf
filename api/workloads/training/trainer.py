"""The training itself: batch by batch, with a state that can be saved between any two of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from api.errors import TaskFailed
from api.workloads.training.dataset import Array, Labels, Split
from api.workloads.training.network import Network
from api.workloads.training.optimizer import optimizer
from api.workloads.training.params import TrainingParams
from api.workloads.training.schedule import learning_rate

METRICS = ("train_loss", "val_loss", "train_acc", "val_acc", "learning_rate")
Row = dict[str, float]


@dataclass
class Best:
    """The epoch of highest validation accuracy; among equals, of least validation loss."""

    epoch: int
    row: Row
    parameters: list[Array]


@dataclass
class Course:
    """The epoch that is under way: its order of rows, and what its batches have come to so far."""

    order: Labels
    batch: int = 0
    loss: float = 0.0
    right: int = 0


class Trainer:
    """All random numbers come from one generator that is part of the state."""

    def __init__(self, params: TrainingParams, data: Split, classes: int) -> None:
        self.params = params
        self.data = data
        self.random = np.random.default_rng(params.seed)
        sizes = (data.rows.shape[1], *params.hidden_layers, classes)
        self.network = Network.drawn(sizes, self.random)
        self.optimizer = optimizer(params.optimizer, self.network.parameters)
        self.rows: list[Row] = []
        """What became of each epoch, in order."""
        self.best: Best | None = None
        self.course: Course | None = None
        """None between two epochs."""

    @property
    def epoch(self) -> int:
        """Epochs that have ended."""
        return len(self.rows)

    @property
    def total_batches(self) -> int:
        return -(-len(self.data.rows) // self.params.batch_size)

    @property
    def batch(self) -> int:
        """Batches done of the epoch under way."""
        return self.course.batch if self.course else 0

    @property
    def stale(self) -> bool:
        """Whether the best epoch is `patience` epochs ago."""
        patience = self.params.patience
        return bool(patience and self.best and self.epoch - self.best.epoch >= patience)

    def step(self) -> None:
        """One batch. `TaskFailed` when its loss is not finite; the parameters are then of no more use."""
        if self.course is None:
            self.course = Course(self.random.permutation(len(self.data.rows)))
        course, params = self.course, self.params
        chosen = course.order[course.batch * params.batch_size : (course.batch + 1) * params.batch_size]
        with np.errstate(over="ignore", invalid="ignore"):  # told below, once and in a sentence
            loss, right, gradients = self.network.gradients(
                self.data.rows[chosen], self.data.labels[chosen], params.dropout, self.random
            )
            if not np.isfinite(loss):
                raise self._diverged("training loss", loss, f", batch {course.batch + 1} of {self.total_batches}")
            rate = learning_rate(params, self.epoch + 1)
            self.optimizer.step(self.network.parameters, gradients, rate, params.weight_decay)
        course.batch += 1
        course.loss += loss
        course.right += right

    def finish_epoch(self) -> Row:
        """Validate after the last batch; returns the epoch's metrics. `TaskFailed` as above."""
        if self.course is None or self.course.batch != self.total_batches:
            raise RuntimeError("the epoch has batches left")
        data, course = self.data, self.course
        with np.errstate(over="ignore", invalid="ignore"):
            loss, found = self.network.judge(data.validation_rows, data.validation_labels)
        if not np.isfinite(loss):
            raise self._diverged("validation loss", loss, "")
        row = {
            "train_loss": course.loss / len(data.rows),
            "val_loss": loss,
            "train_acc": course.right / len(data.rows),
            "val_acc": float((found == data.validation_labels).mean()),
            "learning_rate": learning_rate(self.params, self.epoch + 1),
        }
        self.rows.append(row)
        self.course = None
        if self.best is None or _merit(row) > _merit(self.best.row):
            self.best = Best(self.epoch, row, [part.copy() for part in self.network.parameters])
        return row

    def best_network(self) -> tuple[Network, Best]:
        if self.best is None:
            raise RuntimeError("no epoch has ended")
        return Network(self.best.parameters), self.best

    def _diverged(self, what: str, value: float, where: str) -> TaskFailed:
        kept = f"; retry it from its checkpoint to go on after epoch {self.epoch}" if self.epoch else ""
        return TaskFailed(
            f"the {what} is {value} in epoch {self.epoch + 1}{where}: the training has diverged, "
            f"the learning_rate of {self.params.learning_rate:g} may be too high{kept}"
        )


def _merit(row: Row) -> tuple[float, float]:
    return row["val_acc"], -row["val_loss"]
