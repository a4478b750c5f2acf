"""The mathematics: gradients by differences, the optimisers and schedules by their formulas written out."""

from __future__ import annotations

import numpy as np
import pytest

from api.workloads.training import TrainingParams
from api.workloads.training.network import Network
from api.workloads.training.optimizer import optimizer
from api.workloads.training.params import Optimizer
from api.workloads.training.schedule import learning_rate


def double(network: Network) -> Network:
    return Network([part.astype(np.float64) for part in network.parameters])


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_gradients_are_the_differences_of_the_loss(dropout: float) -> None:
    random = np.random.default_rng(1)
    network = double(Network.drawn((5, 7, 6, 3), random))
    for biases in network.parameters[1::2]:
        biases += 0.1 * random.standard_normal(biases.shape)
    rows, labels = random.standard_normal((9, 5)), random.integers(0, 3, 9)

    def loss() -> float:
        return network.gradients(rows, labels, dropout, np.random.default_rng(4))[0] / len(rows)

    _, _, gradients = network.gradients(rows, labels, dropout, np.random.default_rng(4))
    for part, slope in zip(network.parameters, gradients, strict=True):
        for place in np.ndindex(part.shape):
            kept, step = part[place], 1e-6
            part[place] = kept + step
            above = loss()
            part[place] = kept - step
            below = loss()
            part[place] = kept
            assert slope[place] == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-7)


def test_loss_and_count_are_those_of_a_judge_without_dropout() -> None:
    random = np.random.default_rng(2)
    network = Network.drawn((4, 8, 3), random)
    rows, labels = random.standard_normal((5000, 4)).astype(np.float32), random.integers(0, 3, 5000)
    total, right, _ = network.gradients(rows, labels, 0.0, random)
    mean, found = network.judge(rows, labels)  # in two chunks
    assert mean == pytest.approx(total / 5000, rel=1e-5)
    assert right == (found == labels).sum()


def test_dropout_keeps_the_mean_of_a_unit() -> None:
    """Two units of 1, each a class's logit: 0 or 2 with dropout of a half."""
    ones, zeros = np.ones((1, 2), np.float32), np.zeros(2, np.float32)
    network = Network([ones, zeros, np.eye(2, dtype=np.float32), zeros])
    rows = np.ones((4000, 1), np.float32)
    _, _, gradients = network.gradients(rows, np.zeros(4000, dtype=np.int64), 0.5, np.random.default_rng(0))
    cases = [1 / (1 + np.exp(other - own)) for own in (0, 2) for other in (0, 2)]
    assert gradients[3][0] == pytest.approx(np.mean(cases) - 1, abs=0.02)


def test_adam_makes_the_steps_of_its_paper_with_decoupled_decay() -> None:
    values, biases = np.array([[0.5, -1.0]]), np.array([0.25])
    slopes = [np.array([[0.1, -2.0]]), np.array([[0.3, 0.5]]), np.array([[-0.2, 0.0]])]
    w, m, v = values.copy(), np.zeros_like(values), np.zeros_like(values)
    for t, g in enumerate(slopes, start=1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        w = w - 0.01 * 0.1 * w - 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    adam = optimizer(Optimizer.ADAM, [values, biases])
    for g in slopes:
        adam.step([values, biases], [g, np.zeros(1)], 0.01, 0.1)
    assert values == pytest.approx(w, rel=1e-9)
    assert biases.tolist() == [0.25], "biases do not decay"


def test_sgd_has_momentum() -> None:
    values = np.array([[1.0]])
    sgd = optimizer(Optimizer.SGD, [values])
    for _ in range(2):
        sgd.step([values], [np.array([[1.0]])], 0.1, 0.0)
    assert values[0, 0] == pytest.approx(1 - 0.1 - 0.1 * 1.9)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("constant", [0.4, 0.4, 0.4, 0.4]),
        ("cosine", [0.4, 0.3414213562, 0.2, 0.0585786438]),
        ("step", [0.4, 0.4, 0.1, 0.1]),
    ],
)
def test_schedules(schedule: str, rates: list[float]) -> None:
    params = TrainingParams.model_validate(
        {"epochs": 4, "learning_rate": 0.4, "schedule": schedule, "step_epochs": 2, "step_factor": 0.25}
    )
    assert rates == pytest.approx([learning_rate(params, epoch) for epoch in range(1, 5)])
