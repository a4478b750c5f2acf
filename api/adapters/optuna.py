"""Optuna: `study.optimize(objective, n_trials=100, callbacks=[ReportTrials(job, 100)])`. Needs `pip install optuna`."""

from __future__ import annotations

import threading
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from api.adapters import Job
from api.errors import TaskCancelled

_DONE = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class ReportTrials:
    """A callback: each trial is an iteration with its value, the best value so far and its numeric params.

    A cancel stops the study in good order: `optimize` returns after the trials that run, and the job ends as
    cancelled. In a workload a pause holds the study between two trials. Of a study with several objectives the values
    are `value_0`, `value_1` and so on.
    """

    def __init__(self, job: Job, n_trials: int | None = None) -> None:
        self._job = job
        self._total = n_trials
        self._done = 0
        self._lock = threading.Lock()

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        try:
            with self._lock:  # with n_jobs > 1 it is called by several threads
                self._done += trial.state in _DONE
                done = self._done
            metrics = _metrics(study, trial)
            if metrics:
                self._job.iteration(trial.number, metrics)
            self._job.progress(done, total=self._total, message=f"trial {trial.number} {trial.state.name.lower()}")
            self._job.checkpoint()
        except TaskCancelled:
            study.stop()


def _metrics(study: Study, trial: FrozenTrial) -> dict[str, float]:
    params = {f"params.{name}": float(each) for name, each in trial.params.items() if _is_number(each)}
    if trial.state != TrialState.COMPLETE:
        return {}
    if len(trial.values) > 1:
        return {f"value_{index}": value for index, value in enumerate(trial.values)} | params
    return {"value": trial.values[0], "best_value": study.best_value} | params


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
