"""The body of a training: epochs until the end, reported and saved one by one, then the results."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from api.errors import TaskCancelled, TaskPaused
from api.workloads import Context
from api.workloads.records import Trace
from api.workloads.training import plots, results
from api.workloads.training.csv_data import CsvFile
from api.workloads.training.dataset import Dataset, digits, split
from api.workloads.training.model import save_model
from api.workloads.training.params import TrainingParams
from api.workloads.training.progress import BatchProgress
from api.workloads.training.state import dump, restore
from api.workloads.training.trainer import Trainer

_STATE = ("batch_size", "hidden_layers", "optimizer", "seed", "split_seed", "validation_fraction")
"""Params that a saved state must agree with. The others may change from one attempt to the next: a retry goes on
with another learning rate, or for more epochs."""


def train(params: TrainingParams, ctx: Context) -> dict[str, Any]:
    """Train in `ctx.artifact_dir` and return the task's result."""
    return Run(params, ctx).to_the_end()


class Run:
    """One attempt."""

    def __init__(self, params: TrainingParams, ctx: Context) -> None:
        self._params = params
        self._ctx = ctx
        self._data = _data(params, ctx)
        self._split = split(self._data, params.validation_fraction, params.split_seed)
        self._trainer = Trainer(params, self._split, len(self._data.classes))
        self._fingerprint = _fingerprint(params, self._data)

    def to_the_end(self) -> dict[str, Any]:
        self._greet(restore(self._trainer, self._ctx.restored, self._fingerprint))
        return self._finish(self._epochs())

    def _greet(self, restored: bool) -> None:
        data, split = self._data, self._split
        self._ctx.log(
            f"{data.name}: {len(data.features)} features, {len(data.classes)} classes, "
            f"{len(split.rows)} rows to learn from, {len(split.validation_rows)} for validation"
        )
        if restored:
            part = f", batch {self._trainer.batch} of the next" if self._trainer.batch else ""
            self._ctx.log(f"going on after epoch {self._trainer.epoch}{part}")
        elif self._ctx.restored is not None:
            self._ctx.log("the saved state is of other inputs or versions: starting anew", "warning")

    def _epochs(self) -> str:
        """Returns why it stopped: `early_stopping` or `epochs`."""
        trainer = self._trainer
        with Trace(self._ctx.artifact_dir, trainer.rows) as trace:
            if trainer.best:
                self._save_model()
            while trainer.epoch < self._params.epochs:
                if trainer.stale:
                    return "early_stopping"
                self._batches()
                row = trainer.finish_epoch()
                trace.add(trainer.epoch, row)
                if trainer.best and trainer.best.epoch == trainer.epoch:
                    self._save_model()
                self._ctx.iteration(trainer.epoch, row)
                self._save()
        return "epochs"

    def _batches(self) -> None:
        """Those that are left of the epoch."""
        trainer, ctx = self._trainer, self._ctx
        while trainer.batch < trainer.total_batches:
            self._checkpoint()
            trainer.step()
            where = BatchProgress(trainer.epoch + 1, self._params.epochs, trainer.batch, trainer.total_batches)
            ctx.progress(where.current, where.epochs, where.write())

    def _checkpoint(self) -> None:
        """Who leaves in good order takes along the batches that are done."""
        if self._ctx.pausing:
            self._save()
        try:
            self._ctx.checkpoint()
        except TaskPaused:  # saved before, or at the end of the epoch: another worker may have taken it up already
            raise
        except TaskCancelled:
            self._save()
            raise

    def _save(self) -> None:
        """Unless the parameters have left the numbers, which the next loss will tell: then the state before stands."""
        if self._trainer.network.finite:
            self._ctx.save(dump(self._trainer, self._fingerprint))

    def _save_model(self) -> None:
        """The best one so far: a task that is cancelled or fails leaves it too."""
        save_model(results.model_of(self._trainer, self._data), self._ctx.artifact_dir / "model.npz")

    def _finish(self, stop_reason: str) -> dict[str, Any]:
        report = results.Report(self._trainer, self._data, stop_reason, self._ctx.task_id)
        results.write(report, self._ctx.artifact_dir)
        self._ctx.progress(self._trainer.epoch, self._params.epochs, "drawing the pictures")
        pictures = plots.draw(report, self._ctx.artifact_dir / "visualizations")
        self._ctx.log(
            f"the best of {self._trainer.epoch} epochs ({stop_reason}) is {report.best.epoch}: "
            f"{report.best.row['val_acc']:.2%} of the validation rows right"
        )
        return {"experiment_dir": self._ctx.result_dir, **report.result(), "visualizations": pictures}


def _data(params: TrainingParams, ctx: Context) -> Dataset:
    if params.csv_file is None:
        return digits()
    return CsvFile(ctx.input_path(params.csv_file), params.csv_file, params.target).read()


def _fingerprint(params: TrainingParams, data: Dataset) -> str:
    """What a saved state must agree with to be continued: data, shape and order of the work, versions."""
    inputs = {
        "data": data.fingerprint(),
        "params": params.model_dump(mode="json", include=set(_STATE)),
        "versions": results.versions(),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
