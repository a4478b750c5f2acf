"""Writes the result folder: summary.json, confusion_matrix.json and confusion_matrix.csv."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from api.workloads.records import write_json
from api.workloads.training.dataset import CUT, Dataset, Labels
from api.workloads.training.model import Model
from api.workloads.training.trainer import Best, Trainer


def versions() -> dict[str, str]:
    return {name: version(name) for name in ("numpy", "scikit-learn")}


@dataclass(frozen=True)
class Report:
    """What there is to tell at the end of a run; at least one epoch has ended."""

    trainer: Trainer
    data: Dataset
    stop_reason: str
    task_id: str

    @property
    def best(self) -> Best:
        return self.trainer.best_network()[1]

    @cached_property
    def found(self) -> Labels:
        """(v,) classes that the best model finds for the rows kept for validation."""
        split = self.trainer.data
        network, _ = self.trainer.best_network()
        return network.judge(split.validation_rows, split.validation_labels)[1]

    @cached_property
    def confusion(self) -> Labels:
        """(k, k) rows kept for validation: by their class, across by the class that the best model finds."""
        matrix = np.zeros((len(self.data.classes),) * 2, dtype=np.int64)
        np.add.at(matrix, (self.trainer.data.validation_labels, self.found), 1)
        return matrix

    def result(self) -> dict[str, Any]:
        """The task's result."""
        split = self.trainer.data
        return {
            "epochs": self.trainer.epoch,
            "max_epochs": self.trainer.params.epochs,
            "stop_reason": self.stop_reason,
            "best": {"epoch": self.best.epoch, **_rates(self.best.row)},
            "metrics": dict(self.trainer.rows[-1]),
            "data": self.data.name,
            "classes": list(self.data.classes),
            "features": len(self.data.features),
            "train_rows": len(split.rows),
            "val_rows": len(split.validation_rows),
            "parameters": sum(part.size for part in self.trainer.network.parameters),
        }


def model_of(trainer: Trainer, data: Dataset) -> Model:
    """The best one so far."""
    parameters, scaling = trainer.best_network()[0].parameters, trainer.data.scaling
    return Model(
        classes=data.classes,
        features=data.features,
        mean=scaling.mean,
        scale=scaling.scale,
        cut=CUT,
        layers=list(zip(parameters[::2], parameters[1::2], strict=True)),
    )


def write(report: Report, folder: Path) -> None:
    write_json(folder / "summary.json", _summary(report))
    write_json(
        folder / "confusion_matrix.json",
        {"classes": list(report.data.classes), "matrix": report.confusion.tolist()},
    )
    with (folder / "confusion_matrix.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["class", *report.data.classes])
        writer.writerows([name, *row] for name, row in zip(report.data.classes, report.confusion.tolist(), strict=True))


def _summary(report: Report) -> dict[str, Any]:
    return {
        "task_id": report.task_id,
        **report.result(),
        "by_class": _by_class(report),
        "params": report.trainer.params.model_dump(mode="json"),
        "versions": versions(),
    }


def _by_class(report: Report) -> list[dict[str, Any]]:
    """Precision and recall among the rows kept for validation; None where nothing was found, or nothing was there."""
    right = report.confusion.diagonal().tolist()
    there, found = report.confusion.sum(axis=1).tolist(), report.confusion.sum(axis=0).tolist()
    return [
        {"class": name, "rows": t, "precision": r / f if f else None, "recall": r / t if t else None}
        for name, r, t, f in zip(report.data.classes, right, there, found, strict=True)
    ]


def _rates(row: dict[str, float]) -> dict[str, float]:
    return {name: row[name] for name in ("val_acc", "val_loss", "train_acc", "train_loss")}
