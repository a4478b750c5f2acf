"""Steady state of lumped thermal networks, many at once.

Node k:  P_k + Σ G_kl (T_l - T_k) + Σ R_kl σ (T_l⁴ - T_k⁴) + E_k σ (T_env⁴ - T_k⁴) = 0

The heat balance of the lumped parameter method: Gilmore (ed.), Spacecraft Thermal Control Handbook I (2002),
chapter 15; ECSS-E-HB-31-03A; radiation by the Stefan-Boltzmann law. Solved by Newton's method.
"""

from __future__ import annotations

import numpy as np

from api.workloads.optimization.environment import STEFAN_BOLTZMANN
from api.workloads.optimization.problem import Array

MAX_STEPS = 60
TOLERANCE = 1e-7
"""Largest heat balance error left at a node, as a part of the heat that passes the network."""


def solve(power: Array, linear: Array, radiative: Array, to_space: Array, sink: float) -> Array:
    """(p, k) temperatures in K.

    power (k,) W; linear (p, k, k) W/K and radiative (p, k, k) m², symmetric with zero diagonals;
    to_space (k,) m² that radiates to `sink` K (effective areas: εA). Raises ArithmeticError when a balance
    does not close, which a network with a way to space for every node does not do.
    """
    start = (sink**4 + power.sum() / (STEFAN_BOLTZMANN * to_space.sum())) ** 0.25
    temperature = np.full(linear.shape[:2], start)
    scale = max(float(power.sum()), STEFAN_BOLTZMANN * float(to_space.sum()) * sink**4)
    for _ in range(MAX_STEPS):
        residual = balance(temperature, power, linear, radiative, to_space, sink)
        if np.abs(residual).max() <= TOLERANCE * scale:
            return temperature
        step = np.linalg.solve(_jacobian(temperature, linear, radiative, to_space), residual[..., None])[..., 0]
        temperature = np.maximum(temperature - step, 1.0)
    raise ArithmeticError("the heat balance of the thermal network does not close")


def balance(temperature: Array, power: Array, linear: Array, radiative: Array, to_space: Array, sink: float) -> Array:
    """(p, k) W left over at each node; zero in the steady state."""
    fourth = STEFAN_BOLTZMANN * temperature**4
    conduction = (linear @ temperature[..., None])[..., 0] - linear.sum(axis=2) * temperature
    radiation = (radiative @ fourth[..., None])[..., 0] - radiative.sum(axis=2) * fourth
    space = to_space * (STEFAN_BOLTZMANN * sink**4 - fourth)
    return np.asarray(power + conduction + radiation + space)


def _jacobian(temperature: Array, linear: Array, radiative: Array, to_space: Array) -> Array:
    slope = 4 * STEFAN_BOLTZMANN * temperature**3
    jacobian = linear + radiative * slope[:, None, :]
    nodes = np.arange(linear.shape[1])
    jacobian[:, nodes, nodes] = -linear.sum(axis=2) - (radiative.sum(axis=2) + to_space) * slope
    return jacobian
