"""The learning rate of each epoch."""

from __future__ import annotations

import math

from api.workloads.training.params import Schedule, TrainingParams


def learning_rate(params: TrainingParams, epoch: int) -> float:
    """Of the epoch, counted from 1.

    Cosine: from the full rate in the first epoch towards 0, which the epoch after the last would have: Loshchilov and
    Hutter, "SGDR: stochastic gradient descent with warm restarts", arXiv:1608.03983, equation 5, without restarts.
    """
    done = epoch - 1
    if params.schedule is Schedule.COSINE:
        return params.learning_rate * (1 + math.cos(math.pi * done / params.epochs)) / 2
    if params.schedule is Schedule.STEP:
        return float(params.learning_rate * params.step_factor ** (done // params.step_epochs))
    return params.learning_rate
