"""A trained model as a file, and its use. This module needs NumPy alone: copy it to wherever the model is used.

    model = load_model("model.npz")
    model.predict(rows)         # one class for each row, as text
    model.probabilities(rows)   # (n, k), in the order of model.classes

The file is NumPy's .npz without pickles, so that nothing in it is executed: `classes` (k,) and `features` (f,) texts,
`mean` and `scale` (f,), `cut`, and `weights_0`, `biases_0`, `weights_1`, … of the layers, (in, out) and (out,).
A row x is scaled to min(max((x - mean) / scale, -cut), cut); each layer but the last is max(x @ weights + biases, 0);
the class is where the last one's x @ weights + biases is largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FORMAT = 1


@dataclass(frozen=True)
class Model:
    """A classifier of rows of `features` into `classes`."""

    classes: tuple[str, ...]
    features: tuple[str, ...]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    cut: float
    layers: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]
    """Weights (in, out) and biases (out,)."""

    def predict(self, rows: ArrayLike) -> list[str]:
        """The class of each of the (n, f) rows, whose columns are `features`; ValueError for another shape."""
        return [self.classes[number] for number in self._logits(rows).argmax(axis=1)]

    def probabilities(self, rows: ArrayLike) -> NDArray[np.float64]:
        """(n, k), in the order of `classes`; ValueError as above."""
        logits = self._logits(rows).astype(np.float64)
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))

    def _logits(self, rows: ArrayLike) -> NDArray[np.float32]:
        values = np.asarray(rows, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.features):
            raise ValueError(f"rows must be (n, {len(self.features)}) numbers, not {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError("rows must be finite numbers")
        *hidden, (weights, biases) = self.layers
        active = np.clip((values - self.mean) / self.scale, -self.cut, self.cut).astype(np.float32)
        for inner, offset in hidden:
            active = np.maximum(active @ inner + offset, 0)
        return np.asarray(active @ weights + biases)


def load_model(path: str | Path | IO[bytes]) -> Model:
    """What `save_model` wrote, by its path or open. ValueError for a file that is none."""
    with np.load(path, allow_pickle=False) as file:
        if "format" not in file or int(file["format"]) != FORMAT:
            raise ValueError(f"{path} is not a model of format {FORMAT}")
        return Model(
            classes=tuple(file["classes"].tolist()),
            features=tuple(file["features"].tolist()),
            mean=file["mean"],
            scale=file["scale"],
            cut=float(file["cut"]),
            layers=[(file[f"weights_{k}"], file[f"biases_{k}"]) for k in range(int(file["layers"]))],
        )


def save_model(model: Model, path: Path) -> None:
    """Replaces the file: whoever reads it finds the old one or the new one, whole."""
    arrays: dict[str, Any] = {
        "format": FORMAT,
        "classes": np.array(model.classes),
        "features": np.array(model.features),
        "mean": model.mean,
        "scale": model.scale,
        "cut": model.cut,
        "layers": len(model.layers),
    }
    for number, (weights, biases) in enumerate(model.layers):
        arrays |= {f"weights_{number}": weights, f"biases_{number}": biases}
    fresh = path.with_name(f".{path.name}.tmp")
    with fresh.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    fresh.replace(path)
