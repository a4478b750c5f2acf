"""What is learnt from: rows of numbers, each of one class; the digits, and the split for validation."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.errors import Flaw, InvalidInput

Numbers = NDArray[np.float64]
Array = NDArray[np.float32]
Labels = NDArray[np.int64]

CUT = 1e4
"""Standard deviations at which a standardised value is cut: far beyond any that tells something, and no overflow."""


@dataclass(frozen=True)
class Dataset:
    """n rows of f numbers, of k classes."""

    name: str
    features: tuple[str, ...]
    classes: tuple[str, ...]
    rows: Numbers
    """(n, f)."""
    labels: Labels
    """(n,) indices of `classes`."""

    def fingerprint(self) -> str:
        """The same for the same rows in the same order."""
        digest = hashlib.sha256(repr((self.features, self.classes, self.rows.shape)).encode())
        digest.update(self.rows.tobytes())
        digest.update(self.labels.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Scaling:
    """Each feature by mean and standard deviation of the rows that are learnt from; a constant one by 1."""

    mean: Numbers
    scale: Numbers

    def __call__(self, rows: Numbers) -> Array:
        return np.clip((rows - self.mean) / self.scale, -CUT, CUT).astype(np.float32)


@dataclass(frozen=True)
class Split:
    """The rows, scaled: to learn from, and to validate with."""

    scaling: Scaling
    rows: Array
    labels: Labels
    validation_rows: Array
    validation_labels: Labels


def digits() -> Dataset:
    """1,797 images of 8 x 8 pixels: the test part of UCI's "Optical Recognition of Handwritten Digits"."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return Dataset(
        name="digits",
        features=tuple(map(str, data.feature_names)),
        classes=tuple(map(str, data.target_names)),
        rows=np.ascontiguousarray(data.data, dtype=np.float64),
        labels=np.ascontiguousarray(data.target, dtype=np.int64),
    )


def split(data: Dataset, fraction: float, seed: int) -> Split:
    """`fraction` of the rows for validation, of each class alike. `InvalidInput` where there are too few."""
    from sklearn.model_selection import train_test_split

    _check_size(data, fraction)
    learnt, kept = train_test_split(
        np.arange(len(data.labels)), test_size=fraction, random_state=seed, stratify=data.labels
    )
    rows = data.rows[learnt]
    spread = rows.std(axis=0)
    scaling = Scaling(rows.mean(axis=0), np.where((np.ptp(rows, axis=0) > 0) & (spread > 0), spread, 1.0))
    return Split(scaling, scaling(rows), data.labels[learnt], scaling(data.rows[kept]), data.labels[kept])


def _check_size(data: Dataset, fraction: float) -> None:
    count, classes = len(data.labels), len(data.classes)
    kept = math.ceil(fraction * count)
    if min(kept, count - kept) < classes:
        raise InvalidInput(
            flaws=[
                Flaw(
                    ("validation_fraction",),
                    f"keeps {kept} of {count} rows: on both sides there must be a row of each of {classes} classes",
                )
            ]
        )
