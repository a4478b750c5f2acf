"""The search: a population of layouts, generation by generation, whose whole state can be pickled."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Mapping
from typing import Any

import cma
import numpy as np

from api.workloads.optimization.model import Verdict, judge
from api.workloads.optimization.placement import Layouts, place
from api.workloads.optimization.problem import Array, Problem

CHUNK = 100
"""Layouts judged at a time: the arrays of more no longer fit into the cache."""
PATIENCE = 8
"""Generations over which `convergence_threshold` looks back."""
STEP_SIZE = 0.07
"""First standard deviation of a strategy, as a part of the room that a box has."""
SHARE = 80
"""Layouts of one strategy in a generation."""
PARENTS = 8
"""Of one strategy in a generation. Few of many: there are only some tens of generations."""
_FORMAT = 1

Row = dict[str, float]


def population_size(problem: Problem) -> int:
    """Fewer layouts where each costs more: about half a second for a generation of a dozen boxes or less."""
    return min(1600, max(160, 9600 // problem.count))


class Search:
    """CMA-ES (Hansen, "The CMA evolution strategy: a tutorial", arXiv:1604.00772) from several starting points.

    The first generation is a random sample; its best members start one strategy each. A strategy that has
    converged starts anew from a random point. All random numbers come from one generator that is part of the state.
    """

    def __init__(self, problem: Problem, limits: Mapping[str, float], seed: int, population: int) -> None:
        self.problem = problem
        self.limits = limits
        self.rows: list[Row] = []
        """What became of each generation, in order."""
        self.best_objective = np.inf
        self.restarts = 0
        """Strategies that had converged and began anew."""
        self._best: Layouts | None = None
        self._random = np.random.RandomState(seed)
        self.population = population
        self._strategies: list[Any] = []

    @property
    def generation(self) -> int:
        return len(self.rows)

    def step(self) -> Row:
        """One generation: ask for layouts, place and judge them, tell the strategies; returns its row."""
        genes = self._ask()
        layouts, verdicts = self._judge(genes)
        objective = np.concatenate([verdict.objective for verdict in verdicts])
        self._tell(genes, objective)
        leader = int(objective.argmin())
        if objective[leader] < self.best_objective:
            self._best, self.best_objective = layouts.pick(leader), float(objective[leader])
        feasible = float(np.mean(objective < 1.0))
        self.rows.append(self._row(float(objective.mean()), feasible))
        return self.rows[-1]

    @property
    def best(self) -> Layouts:
        if self._best is None:
            raise RuntimeError("no generation has been run")
        return self._best

    def verdict(self) -> Verdict:
        """The best layout so far, judged by itself."""
        return judge(self.problem, self.limits, self.best)

    def converged(self, threshold: float) -> bool:
        """Feasible, and better by less than `threshold` (a fraction) than `PATIENCE` generations before."""
        if self.generation <= PATIENCE:
            return False
        now, then = self.rows[-1], self.rows[-1 - PATIENCE]
        if now["violations"] or then["violations"]:
            return False
        return bool(then["best_objective"] - now["best_objective"] < threshold * then["best_objective"])

    def _ask(self) -> Array:
        if not self._strategies:
            return self._random.rand(self.population, self.problem.dimension)
        return np.concatenate([strategy.ask() for strategy in self._strategies])

    def _judge(self, genes: Array) -> tuple[Layouts, list[Verdict]]:
        parts = [place(self.problem, genes[k : k + CHUNK]) for k in range(0, len(genes), CHUNK)]
        layouts = Layouts(
            np.concatenate([part.low for part in parts]),
            np.concatenate([part.size for part in parts]),
            np.concatenate([part.rotation for part in parts]),
        )
        return layouts, [judge(self.problem, self.limits, part) for part in parts]

    def _tell(self, genes: Array, objective: Array) -> None:
        shares = np.array_split(np.arange(self.population), self._shares())
        if not self._strategies:
            starts = genes[np.argsort(objective, kind="stable")[: len(shares)]]
            self._strategies = [self._strategy(start, len(share)) for start, share in zip(starts, shares, strict=True)]
            return
        for number, share in enumerate(shares):
            strategy = self._strategies[number]
            strategy.tell(list(genes[share]), objective[share].tolist())
            # Records that cma writes and never reads: half of the state's size.
            strategy.ary = strategy.pop_sorted = strategy._tell2_args = None
            if strategy.stop():
                self.restarts += 1
                start = self._random.rand(self.problem.dimension)
                self._strategies[number] = self._strategy(start, len(share))

    def _shares(self) -> int:
        return max(1, self.population // SHARE)

    def _strategy(self, start: Array, size: int) -> Any:
        options = {
            "popsize": size,
            "CMA_mu": min(PARENTS, size // 2),
            "CMA_elitist": True,
            "seed": np.nan,  # cma would seed NumPy's global generator
            "randn": self._random.randn,
            "verbose": -9,
            "verb_log": 0,
            "signals_filename": "",  # cma would read its options from a file in the working folder
        }
        return cma.CMAEvolutionStrategy(start, STEP_SIZE, options)

    def _row(self, mean: float, feasible: float) -> Row:
        verdict = self.verdict()
        return {
            "best_objective": float(verdict.objective[0]),
            "mean_objective": mean,
            "feasible_fraction": feasible,
            "violations": float(verdict.broken[0]),
            "excess": float(verdict.excess[0]),
            "max_temp": float(verdict.boxes[0].max()),
            "min_temp": float(verdict.boxes[0].min()),
            "min_clearance": float(verdict.clearance[0]),
            "cg_offset": float(verdict.offset[0]),
            "inertia": float(np.trace(verdict.inertia[0])),
            "compactness": float(verdict.bounding[0]),
        }


def dump(search: Search, fingerprint: str) -> bytes:
    """The whole state, to go on from exactly here."""
    return zlib.compress(pickle.dumps((_FORMAT, fingerprint, search), protocol=pickle.HIGHEST_PROTOCOL), level=1)


def restore(state: bytes | None, fingerprint: str) -> Search | None:
    """What `dump` gave, if it is of the same inputs and library versions; None where it is not, or cannot be read.

    `state` comes from this server's own store, never from a user.
    """
    if state is None:
        return None
    try:
        form, stored, search = pickle.loads(zlib.decompress(state))
    except Exception:  # noqa: BLE001  a truncated or older pickle can raise anything
        return None
    same = form == _FORMAT and stored == fingerprint and isinstance(search, Search)
    return search if same else None
