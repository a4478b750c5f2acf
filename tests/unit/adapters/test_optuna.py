"""Optuna's own studies, reporting."""

from __future__ import annotations

import optuna
import pytest

from api.adapters.optuna import ReportTrials
from tests.unit.adapters.job import KeptJob


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def study(**options):
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1), **options)


def parabola(trial):
    x = trial.suggest_float("x", -10, 10)
    trial.suggest_categorical("kind", ["a", "b"])
    return (x - 2) ** 2


def test_each_trial_is_an_iteration_with_its_value_and_the_best_so_far():
    job, searched = KeptJob(), study()
    searched.optimize(parabola, n_trials=10, callbacks=[ReportTrials(job, 10)])
    assert list(range(10)) == [number for number, _ in job.iterations]
    values = [metrics["value"] for _, metrics in job.iterations]
    assert [min(values[: n + 1]) for n in range(10)] == [metrics["best_value"] for _, metrics in job.iterations]
    assert searched.trials[3].params["x"] == job.iterations[3][1]["params.x"]
    assert (10, 10, "trial 9 complete") == job.points[-1]


def test_a_cancel_stops_the_study_in_good_order():
    job, searched = KeptJob(cancel_after=3), study()
    searched.optimize(parabola, n_trials=1000, callbacks=[ReportTrials(job)])
    assert 3 == len(searched.trials)


def test_pruned_and_failed_trials_are_progress_without_metrics():
    def objective(trial):
        if trial.number == 0:
            raise optuna.TrialPruned
        raise ValueError("no luck")

    job, searched = KeptJob(), study()
    searched.optimize(objective, n_trials=2, callbacks=[ReportTrials(job, 2)], catch=(ValueError,))
    assert ([], "trial 0 pruned", "trial 1 fail") == (job.iterations, job.points[0][2], job.points[1][2])


def test_several_objectives_and_several_threads():
    job, searched = KeptJob(), study(directions=["minimize", "maximize"])
    searched.optimize(
        lambda trial: (trial.suggest_float("x", 0, 1), 2.0), n_trials=20, n_jobs=2, callbacks=[ReportTrials(job, 20)]
    )
    assert {"value_0", "value_1", "params.x"} == set(job.iterations[0][1])
    assert set(range(1, 21)) == {current for current, _, _ in job.points}
