"""Steps of gradient descent, with a state that can be saved: one or two moments of each parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from api.workloads.training.dataset import Array
from api.workloads.training.params import Optimizer

MOMENTUM = 0.9
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


class Steps(Protocol):
    """Changes parameters in place. `moments` and `count`, the steps made, are its whole state."""

    moments: list[Array]
    count: int

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array], rate: float, decay: float) -> None: ...


class Adam:
    """Kingma and Ba, arXiv:1412.6980, algorithm 1, with decoupled weight decay (Loshchilov and Hutter,
    arXiv:1711.05101, algorithm 2)."""

    def __init__(self, parameters: Sequence[Array]) -> None:
        self.moments = [np.zeros_like(each) for each in (*parameters, *parameters)]
        self.count = 0

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array], rate: float, decay: float) -> None:
        self.count += 1
        rest_1, rest_2 = 1 - BETA_1**self.count, 1 - BETA_2**self.count
        first, second = self.moments[: len(parameters)], self.moments[len(parameters) :]
        for values, slope, mean, square in zip(parameters, gradients, first, second, strict=True):
            mean += (1 - BETA_1) * (slope - mean)
            square += (1 - BETA_2) * (slope * slope - square)
            _decay(values, rate * decay)
            values -= (rate / rest_1) * mean / (np.sqrt(square / rest_2) + EPSILON)


class Sgd:
    """Stochastic gradient descent with momentum, and the same weight decay."""

    def __init__(self, parameters: Sequence[Array]) -> None:
        self.moments = [np.zeros_like(each) for each in parameters]
        self.count = 0

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array], rate: float, decay: float) -> None:
        self.count += 1
        for values, slope, velocity in zip(parameters, gradients, self.moments, strict=True):
            velocity *= MOMENTUM
            velocity += slope
            _decay(values, rate * decay)
            values -= rate * velocity


def optimizer(kind: Optimizer, parameters: Sequence[Array]) -> Steps:
    return Adam(parameters) if kind is Optimizer.ADAM else Sgd(parameters)


def _decay(values: Array, part: float) -> None:
    """Of weights, not of biases."""
    if part and values.ndim > 1:
        values *= 1 - part
