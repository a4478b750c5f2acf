"""`logging`, reporting: the handler with a real report behind it."""

from __future__ import annotations

import logging

import pytest

from api.adapters.logging import ReportHandler
from api.errors import ConnectionLost
from api.subscriber import sender
from api.subscriber.report import Report
from tests.unit.adapters.job import KeptJob
from tests.unit.subscriber.test_report import Journal


@pytest.fixture
def attach():
    """Adds a handler to the root logger, and takes it away again."""
    root, added = logging.getLogger(), []
    level = root.level

    def attach(job, **options):
        handler = ReportHandler(job, **options)
        added.append(handler)
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)

    yield attach
    root.setLevel(level)
    for handler in added:
        root.removeHandler(handler)


def test_a_record_is_a_line_with_its_level_and_logger(attach):
    job = KeptJob()
    attach(job)
    logging.getLogger("mine.sub").warning("disk %d%% full", 93)
    logging.getLogger("mine").debug("too quiet")
    assert [("warning", "mine.sub", "disk 93% full")] == job.lines


def test_an_exception_comes_with_its_traceback(attach):
    job = KeptJob()
    attach(job)
    try:
        raise ValueError("no luck")
    except ValueError:
        logging.getLogger("mine").exception("it failed")
    ((level, _, text),) = job.lines
    assert ("error", True) == (level, "ValueError: no luck" in text)


def test_what_carries_the_reports_is_not_reported(attach):
    job = KeptJob()
    attach(job, level=logging.DEBUG)
    for name in ("urllib3.connectionpool", "requests", "api.subscriber.sender", "urllib3"):
        logging.getLogger(name).warning("POST /api/tasks")
    logging.getLogger("requestsomething").warning("mine")
    assert ["mine"] == [text for _, _, text in job.lines]


def test_a_job_that_logs_does_not_report_itself(attach):
    class Chatty(KeptJob):
        def log(self, message, level="info", logger=None):
            logging.getLogger("chatty").warning("I was told")
            super().log(message, level, logger)

    job = Chatty()
    attach(job)
    logging.getLogger("mine").info("once")
    assert ["once"] == [text for _, _, text in job.lines]


def test_a_cancel_does_not_come_out_of_a_call_to_logging(attach):
    job = KeptJob()
    job.cancelled = True
    attach(job)
    logging.getLogger("mine").info("still works")


def test_many_records_go_in_few_requests_and_the_program_does_not_wait_for_a_server_that_is_away(attach, monkeypatch):
    monkeypatch.setattr(sender, "RETRY_SECONDS", 0.01)
    server, requests = Journal(), []
    append = server.append_events
    server.append_events = lambda task_id, events: requests.append(len(events)) or append(task_id, events)
    with Report("job", None, server) as job:
        attach(job)
        server.failures = [ConnectionLost("nobody is there")]
        for number in range(1000):
            logging.getLogger("mine").info("%d", number)
        server.failures = []
    assert [str(number) for number in range(1000)] == server.messages()
    assert len([size for size in requests if size > 1]) < 60
