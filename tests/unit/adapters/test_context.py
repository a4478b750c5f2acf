"""The adapters inside a workload: a `ctx` does for a job."""

from __future__ import annotations

import logging

import joblib
import optuna
import pytest

from api.adapters.joblib import reporting
from api.adapters.logging import ReportHandler
from api.adapters.optuna import ReportTrials
from api.adapters.tqdm import tqdm
from api.errors import TaskCancelled
from api.execution.context import ChildContext
from api.execution.gate import Gate
from api.execution.outlet import Outlet
from api.ports import Assignment


@pytest.fixture
def sent():
    return []


@pytest.fixture
def gate():
    return Gate(lambda effect: None)


@pytest.fixture
def ctx(tmp_path, sent, gate):
    assignment = Assignment("t", "l", "x", {}, 1, tmp_path, "experiments/run", tmp_path / "checkpoint")
    return ChildContext(assignment, Outlet(sent.append), gate)


def of(sent, kind):
    return [message["data"] for message in sent if message["type"] == kind]


def test_tqdm(ctx, sent, gate):
    for _ in tqdm(range(10), job=ctx, desc="steps"):
        pass
    ctx.log("flushes the last progress")
    last = of(sent, "progress")[-1]
    assert (10, 10, "steps") == (last["current_iteration"], last["max_iterations"], last["message"])
    gate.ask("cancel")
    with pytest.raises(TaskCancelled):
        list(tqdm(range(10), job=ctx))


def test_joblib(ctx, sent):
    with reporting(ctx):
        joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(abs)(n) for n in range(10))
    ctx.log("flushes the last progress")
    assert (10, 10) == tuple(of(sent, "progress")[-1][name] for name in ("current_iteration", "max_iterations"))


def test_optuna(ctx, sent, gate):
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3, callbacks=[ReportTrials(ctx, 3)])
    assert [0, 1, 2] == [each["iteration"] for each in of(sent, "iteration_complete")]
    gate.ask("cancel")
    study.optimize(lambda trial: 0.0, n_trials=100, callbacks=[ReportTrials(ctx)])
    assert 4 == len(study.trials)
    assert gate.stopped, "so the task ends as cancelled although the workload returns in good order"


def test_logging(ctx, sent):
    handler = ReportHandler(ctx)
    handler.handle(logging.makeLogRecord({"name": "mine", "levelno": logging.ERROR, "msg": "broken"}))
    assert [{"level": "error", "message": "broken", "logger": "mine"}] == of(sent, "log")
