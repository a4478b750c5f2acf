"""A multi-layer perceptron: rectified linear units, dropout, and the softmax of the classes at the end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from api.workloads.training.dataset import Array, Labels

CHUNK = 4096
"""Rows judged at a time: bounds the memory."""


class Network:
    """`parameters` are weights (in, out) and biases (out,) of each layer in turn; they change in place."""

    def __init__(self, parameters: list[Array]) -> None:
        self.parameters = parameters

    @classmethod
    def drawn(cls, sizes: Sequence[int], random: np.random.Generator) -> Network:
        """For layers of these sizes, input and classes included. Weights of variance 2 / inputs: He et al.,
        "Delving deep into rectifiers", arXiv:1502.01852, equation 10."""
        parameters: list[Array] = []
        for inputs, outputs in pairwise(sizes):
            weights = random.standard_normal((inputs, outputs), dtype=np.float32)
            parameters += [weights * float(np.sqrt(2 / inputs)), np.zeros(outputs, dtype=np.float32)]
        return cls(parameters)

    @property
    def finite(self) -> bool:
        return all(bool(np.isfinite(part).all()) for part in self.parameters)

    def logits(self, rows: Array) -> Array:
        """(n, k) for (n, f) rows; nothing is left out."""
        *hidden, (weights, biases) = self._layers()
        for inner, offset in hidden:
            rows = np.maximum(rows @ inner + offset, 0)
        return rows @ weights + biases

    def judge(self, rows: Array, labels: Labels) -> tuple[float, Labels]:
        """Mean cross-entropy, and the class that is found for each row."""
        total, found = 0.0, []
        for start in range(0, len(rows), CHUNK):
            logits = self.logits(rows[start : start + CHUNK])
            _, losses = _softmax(logits, labels[start : start + CHUNK])
            total += float(losses.sum(dtype=np.float64))
            found.append(logits.argmax(axis=1))
        return total / len(rows), np.concatenate(found)

    def gradients(
        self, rows: Array, labels: Labels, dropout: float, random: np.random.Generator
    ) -> tuple[float, int, list[Array]]:
        """Sum of the cross-entropies, how many are right, and the gradients of the mean by the parameters."""
        layers = self._layers()
        inputs, masks = [rows], []
        for weights, biases in layers[:-1]:
            active = inputs[-1] @ weights + biases
            mask = _mask(active, dropout, random)
            masks.append(mask)
            inputs.append(active * mask)  # keeps what is not a number, so that the loss tells
        weights, biases = layers[-1]
        logits = inputs[-1] @ weights + biases
        probabilities, losses = _softmax(logits, labels)
        right = int((logits.argmax(axis=1) == labels).sum())
        back = probabilities
        back[np.arange(len(rows)), labels] -= 1
        back /= len(rows)
        gradients: list[Array] = []
        for number in range(len(layers) - 1, -1, -1):
            gradients[:0] = [inputs[number].T @ back, back.sum(axis=0)]
            if number:
                back = (back @ layers[number][0].T) * masks[number - 1]
        return float(losses.sum(dtype=np.float64)), right, gradients

    def _layers(self) -> list[tuple[Array, Array]]:
        return list(zip(self.parameters[::2], self.parameters[1::2], strict=True))


def _mask(active: Array, dropout: float, random: np.random.Generator) -> Array:
    """What a hidden unit is multiplied by: 0 where it is not positive or left out, else 1 / (1 - dropout), so that
    its mean is the same as without dropout: Srivastava et al., "Dropout", JMLR 15 (2014)."""
    on = active > 0
    if dropout:
        on &= random.random(active.shape, dtype=np.float32) >= dropout
    return on * np.float32(1 / (1 - dropout))


def _softmax(logits: Array, labels: Labels) -> tuple[Array, Array]:
    """(n, k) probabilities and (n,) cross-entropies."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponents = np.exp(shifted)
    sums = exponents.sum(axis=1, keepdims=True)
    losses = np.log(sums[:, 0]) - shifted[np.arange(len(labels)), labels]
    return exponents / sums, losses
