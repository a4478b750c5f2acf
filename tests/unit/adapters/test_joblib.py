"""joblib and scikit-learn, reporting."""

from __future__ import annotations

import time

import joblib
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from api.adapters.joblib import reporting
from api.errors import TaskCancelled
from tests.unit.adapters.job import KeptJob

HOOK = joblib.Parallel.print_progress


def squares(count):
    """Of functions that a worker process imports in no time."""
    return [joblib.delayed(pow)(number, 2) for number in range(count)]


@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 2), ("threading", 2), (None, 1)])
def test_each_completed_task_is_progress(backend, n_jobs):
    job = KeptJob()
    with reporting(job):
        assert [n**2 for n in range(20)] == joblib.Parallel(n_jobs=n_jobs, backend=backend)(squares(20))
    assert (20, 20, "20 tasks done") == job.points[-1]
    assert [point[0] for point in job.points] == sorted(point[0] for point in job.points)
    assert HOOK is joblib.Parallel.print_progress


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_several_calls_add_up(n_jobs):
    job = KeptJob()
    with reporting(job, total=30):
        again = joblib.Parallel(n_jobs=n_jobs, backend="threading")
        again(squares(10))
        again(squares(10))
        joblib.Parallel(n_jobs=n_jobs, backend="threading")(squares(10))
    assert (30, 30, "30 tasks done") == job.points[-1]


@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 2), ("threading", 2), (None, 1)])
def test_a_cancel_ends_the_call_soon(backend, n_jobs):
    job = KeptJob(cancel_after=2)
    with pytest.raises(TaskCancelled), reporting(job):
        joblib.Parallel(n_jobs=n_jobs, backend=backend, batch_size=1)([joblib.delayed(time.sleep)(0.01)] * 1000)
    assert job.points[-1][0] < 200
    assert HOOK is joblib.Parallel.print_progress
    assert [0, 1] == joblib.Parallel(n_jobs=2, backend=backend)(squares(2))


def test_a_failing_task_fails_as_it_would_without():
    with pytest.raises(ZeroDivisionError), reporting(KeptJob()):
        joblib.Parallel(n_jobs=2, backend="threading")([joblib.delayed(divmod)(1, 0)])


def test_a_grid_search_of_scikit_learn_reports_its_fits():
    X, y = load_iris(return_X_y=True)
    job = KeptJob()
    with reporting(job), joblib.parallel_config(backend="threading"):
        search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}, cv=4, n_jobs=2)
        search.fit(X, y)
    assert search.best_params_["max_depth"] in (2, 3)
    assert (12, 12) == job.points[-1][:2]
