"""The two pictures of a result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from api.workloads.pictures import BLUE, GREEN, INK, MUTED, figure_of, plain, write_pictures
from api.workloads.training.results import Report

MANY = 30
"""Classes beyond which a cell is too small for its figure."""


def draw(report: Report, folder: Path) -> list[str]:
    """Write the pictures as PNG into `folder`; returns their names."""
    pictures = {"confusion_matrix.png": confusion_matrix(report), "learning_curves.png": learning_curves(report)}
    return write_pictures(pictures, folder)


def confusion_matrix(report: Report) -> Figure:
    """Rows by their class, across by the class that was found; the shade is the part of the row."""
    matrix, classes = report.confusion, report.data.classes
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = min(3.0 + 0.45 * len(classes), 16.0)
    accuracy = f"{report.best.row['val_acc']:.2%} of {matrix.sum()} right"
    figure = figure_of(side, side, f"Validation, epoch {report.best.epoch}: {accuracy}")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [_label(name) for name in classes]
    axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 3 else 0, parse_math=False)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.tick_params(labelsize=9 if len(names) <= MANY else 5, colors=INK, length=0)
    axes.set_xlabel("found", fontsize=10, color=INK)
    axes.set_ylabel("true class", fontsize=10, color=INK)
    axes.spines[:].set_visible(False)
    if len(classes) <= MANY:
        for row, column in np.argwhere(matrix > 0).tolist():
            colour = "white" if shares[row, column] > 0.5 else INK
            axes.text(column, row, str(matrix[row, column]), ha="center", va="center", fontsize=9, color=colour)
    return figure


def learning_curves(report: Report) -> Figure:
    """Loss, accuracy and learning rate over the epochs."""
    count = report.trainer.epoch
    figure = figure_of(10, 6.4, f"Training over {count} epoch{'s' if count > 1 else ''}")
    loss, accuracy, rate = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1))
    _curves(loss, report, "loss", ("train_loss", "val_loss"))
    _curves(accuracy, report, "accuracy", ("train_acc", "val_acc"))
    _curves(rate, report, "learning rate", ("learning_rate",))
    figure.legend(*loss.get_legend_handles_labels(), loc="upper right", ncols=3, fontsize=9, frameon=False)
    figure.supxlabel("epoch", fontsize=10, color=INK)
    return figure


def _curves(axes: Any, report: Report, title: str, names: tuple[str, ...]) -> None:
    plain(axes)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    epochs = np.arange(1, report.trainer.epoch + 1)
    marker = "o" if len(epochs) == 1 else None
    for name, colour in zip(names, (BLUE, GREEN), strict=False):
        label = "training" if name.startswith("train") else "validation"
        axes.plot(epochs, [row[name] for row in report.trainer.rows], color=colour, marker=marker, label=label)
    axes.axvline(report.best.epoch, color=MUTED, linestyle="--", linewidth=1.2, label="best epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _label(text: str) -> str:
    return text if len(text) <= 18 else text[:17] + "…"
