"""Celery and RQ doing no-op work, each with as many workers as there are cores, on a Redis of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from benchmarks.machine import CORES
from tests.support.redis_server import RedisProcess
from tests.support.servers import ROOT
from tests.support.waiting import wait_until

READY_SECONDS = 60
DONE_SECONDS = 300
LOOK = 0.005
"""Seconds between two looks at whether the jobs of RQ have ended; it has no way to wait for many."""


def missing() -> str:
    """Why there is nothing to compare with; empty when there is."""
    return "" if shutil.which("redis-server") else "redis-server is not installed"


class Queue(Protocol):
    def start_latency(self) -> float:
        """Seconds from before the submission to where the job's body runs."""

    def batch(self, jobs: int) -> float:
        """Seconds for so many no-op jobs, from before the submission until every result is fetched."""


@contextmanager
def celery(folder: Path) -> Iterator[Queue]:
    with _redis(folder) as url:
        os.environ["PEER_REDIS"] = url  # before its module is imported
        options = ["--concurrency", str(len(CORES)), "--loglevel", "error", "--without-gossip", "--without-mingle"]
        with _worker([sys.executable, "-m", "celery", "-A", "benchmarks.peers.celery_app", "worker", *options]):
            from benchmarks.peers import celery_app

            celery_app.app.conf.update(broker_url=url, result_backend=url)
            queue = _Celery(celery_app)
            queue.wait_until_ready()
            yield queue


@contextmanager
def rq(folder: Path) -> Iterator[Queue]:
    import redis
    from rq import Queue as Jobs

    with _redis(folder) as url, ExitStack() as workers:
        for _ in CORES:
            command = [sys.executable, "-m", "rq.cli", "worker", "--quiet", "--url", url]
            workers.enter_context(_worker(command))
        with redis.Redis.from_url(url) as connection:
            queue = _Rq(Jobs(connection=connection))
            queue.batch(2 * len(CORES))
            yield queue


class _Celery:
    def __init__(self, module: Any) -> None:
        self._module = module

    def wait_until_ready(self) -> None:
        self._module.noop.delay().get(timeout=READY_SECONDS)
        self.batch(50)

    def start_latency(self) -> float:
        begin = time.monotonic()
        return float(self._module.now.delay().get(timeout=DONE_SECONDS)) - begin

    def batch(self, jobs: int) -> float:
        from celery import group

        begin = time.monotonic()
        results = group(self._module.noop.s() for _ in range(jobs)).apply_async().get(timeout=DONE_SECONDS)
        taken = time.monotonic() - begin
        if len(results) != jobs:
            raise RuntimeError(f"Celery gave {len(results)} results of {jobs}")
        return taken


class _Rq:
    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def start_latency(self) -> float:
        from benchmarks.peers.rq_jobs import now

        begin = time.monotonic()
        job = self._queue.enqueue(now)
        wait_until(lambda: job.is_finished, DONE_SECONDS)
        return float(job.return_value()) - begin

    def batch(self, jobs: int) -> float:
        from rq import Queue as Jobs
        from rq.job import Job

        from benchmarks.peers.rq_jobs import noop

        registry = self._queue.finished_job_registry
        wanted = registry.count + jobs
        begin = time.monotonic()
        prepared = [Jobs.prepare_data(noop) for _ in range(jobs)]
        ids = [job.id for job in self._queue.enqueue_many(prepared)]
        deadline = begin + DONE_SECONDS
        while registry.count < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError("RQ has not done its jobs")
            time.sleep(LOOK)
        fetched = Job.fetch_many(ids, connection=self._queue.connection)
        taken = time.monotonic() - begin
        if not all(job is not None and job.is_finished for job in fetched):
            raise RuntimeError("a job of RQ has not finished")
        for job in fetched:
            job.delete()
        return taken


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    with RedisProcess(folder) as redis:
        yield redis.url


@contextmanager
def _worker(command: Sequence[str]) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
