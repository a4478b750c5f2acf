"""Reporting one's own work: nothing is lost, nothing is told twice, and the work never waits."""

from __future__ import annotations

import gc
import threading

import pytest

from api.errors import APIError, ConnectionLost, TaskCancelled
from api.subscriber import sender
from api.subscriber.report import Report
from tests.support.waiting import wait_until

TASK = "t-1"


class Journal:
    """A server that stores what it is told, and fails as it is told."""

    def __init__(self):
        self.stored = []
        self.heartbeats = 0
        self.created = []
        self.status = "running"
        self.failures = []
        self.closed = threading.Event()
        self.asked = threading.Event()
        """How the task stands."""

    def create_task(self, **order):
        self._fail()
        self.created.append(order)
        return {"task_id": TASK}

    def append_events(self, task_id, events):
        self._fail()
        self._must_run()
        assert task_id == TASK
        for index, event in enumerate(events):
            if event["data"].get("message") == "bad":
                flaw = {"loc": [index, "data", "message"], "msg": "is bad"}
                raise APIError(422, "Unprocessable Content", "it is bad", {"errors": [flaw]})
        for event in events:
            data = {"attempt": 1, **event["data"]}
            self.stored.append({"event_type": event["event_type"], "data": data, "seq": len(self.stored) + 1})
        if self.failures and self.failures[0] == "lost answer":
            self.failures.pop(0)
            raise ConnectionLost("the answer was lost")
        return {"last_seq": len(self.stored)}

    def heartbeat(self, task_id):
        self._fail()
        self._must_run()
        self.heartbeats += 1
        return {}

    def get_task(self, task_id):
        self.asked.set()
        return {"status": self.status}

    def events(self, task_id, since=0):
        return self.stored[since:]

    def close(self):
        self.closed.set()

    def _must_run(self):
        if self.status != "running":
            raise APIError(409, "Conflict", f"the task has ended ({self.status})")

    def _fail(self):
        if self.failures and self.failures[0] != "lost answer":
            raise self.failures[0] if len(self.failures) == 1 else self.failures.pop(0)

    def messages(self):
        return [event["data"].get("message") for event in self.stored if event["event_type"] == "log"]


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(sender, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(sender, "HEARTBEAT_SECONDS", 0.02)


@pytest.fixture
def server():
    return Journal()


def raised_by(call):
    try:
        call()
    except APIError as error:
        return error
    return None


AWAY = ConnectionLost("nobody is there")


def test_everything_arrives_in_order_and_the_end_comes_last(server):
    with Report("job", 100, server) as job:
        job.progress(1, "one")
        job.iteration(1, {"loss": 0.5})
        job.log("a\nb", "WARN", logger="mine")
        job.progress(2)
    kinds = [event["event_type"] for event in server.stored]
    assert ["progress", "iteration_complete", "log", "log", "progress", "status_change"] == kinds
    line = server.stored[2]["data"]
    assert ("a", "warning", "mine") == (line["message"], line["level"], line["logger"])
    assert (1, 100) == (server.stored[0]["data"]["current_iteration"], server.stored[0]["data"]["max_iterations"])
    assert server.closed.is_set()


def test_a_silent_reporter_gives_signs_of_life_until_its_end(server):
    with Report("job", None, server):
        wait_until(lambda: server.heartbeats > 3)
    beats = server.heartbeats
    assert ["completed"] == [event["data"]["status"] for event in server.stored]
    assert beats == server.heartbeats


def test_one_that_is_forgotten_without_an_end_gives_none(server):
    job = Report("job", None, server)
    job.log("a")
    del job
    gc.collect()
    assert server.closed.wait(5)
    assert ["a"] == server.messages()


def test_a_cancel_is_noticed_in_silence_and_raised_at_the_next_call(server):
    told = threading.Event()
    job = Report("job", None, server, on_cancel=told.set)
    job.checkpoint()
    server.status = "cancelled"
    assert told.wait(5)
    assert job.cancelled
    with pytest.raises(TaskCancelled, match="has ended"):
        job.checkpoint()


def test_what_is_reported_while_the_server_is_away_waits_and_arrives_once(server):
    with Report("job", None, server) as job:
        server.failures = [AWAY]
        for number in range(500):
            job.log(str(number))
        server.failures = []
    assert [str(number) for number in range(500)] == server.messages()


def test_a_report_whose_answer_was_lost_is_not_stored_twice(server):
    with Report("job", None, server) as job:
        server.failures = ["lost answer", "lost answer"]
        for number in range(120):
            job.iteration(number, {"x": number})
    assert list(range(120)) == [e["data"]["iteration"] for e in server.stored if e["event_type"] != "status_change"]


def test_the_end_is_not_taken_for_a_cancel_when_its_answer_was_lost(server):
    with Report("job", None, server) as job:
        server.failures = ["lost answer"]
        job.complete({"ok": 1})
        server.status = "completed"
    assert [{"ok": 1}] == [event["data"]["result"] for event in server.stored]


def test_more_than_may_wait_is_dropped_from_its_beginning_and_said(server, monkeypatch):
    monkeypatch.setattr(sender, "MAX_WAITING", 10)
    with Report("job", None, server) as job:
        server.failures = [AWAY]
        for number in range(50):
            job.log(str(number))
        server.failures = []
    said, *kept = server.messages()
    assert "reports were dropped here" in said
    assert [str(number) for number in range(50 - len(kept), 50)] == kept


def test_a_server_that_is_away_at_the_start_gets_the_task_once_it_is_there(server):
    server.failures = [AWAY, AWAY, AWAY, AWAY]
    with Report("job", None, server) as job:
        job.log("first")
        assert job.task_id is None
        server.failures = []
        wait_until(lambda: job.task_id == TASK)
    assert (1, ["first"]) == (len(server.created), server.messages())


def test_with_errors_raised_it_is_told_at_the_start(server):
    server.failures = [AWAY]
    with pytest.raises(ConnectionLost):
        Report("job", None, server, errors="raise")


def test_wrong_params_are_refused_at_the_start_whatever_becomes_of_errors(server):
    server.failures = [APIError(422, "Unprocessable", "params: no")]
    with pytest.raises(APIError, match="params: no"):
        Report("job", None, server)


def test_a_report_that_is_refused_keeps_nothing_back(server):
    with Report("job", None, server) as job:
        for line in ("good", "bad", "better", "bad", "best"):
            job.log(line)
    assert ["good", "better", "best"] == server.messages()


def test_with_errors_raised_a_refused_report_is_raised_by_a_later_call(server):
    with Report("job", None, server, errors="raise") as job:
        job.log("bad")
        wait_until(lambda: "it is bad" in str(raised_by(job.checkpoint)))
        job.log("good")
    assert ["good"] == server.messages()


def test_a_heartbeat_that_is_refused_is_tried_again_in_a_while(server):
    with Report("job", None, server) as job:
        server.failures = [APIError(400, "Bad Request", "no")] * 3
        wait_until(lambda: len(server.failures) == 1)
        server.failures = []
        job.log("all the same")
    assert ["all the same"] == server.messages()


def test_a_task_that_the_server_gave_up_does_not_stop_the_work(server):
    with Report("job", None, server) as job:
        server.status = "failed"
        assert server.asked.wait(5)
        job.log("nobody hears it")
        job.checkpoint()
    assert [] == server.stored


def test_an_exception_is_told_with_its_traceback_and_goes_on(server):
    with pytest.raises(KeyError), Report("job", None, server):
        raise KeyError("x")
    (failed,) = server.stored
    assert ("error", "KeyError: 'x'") == (failed["event_type"], failed["data"]["error"])
    assert "test_report.py" in failed["data"]["traceback"]


def test_a_good_exit_completes_the_task(server):
    with pytest.raises(SystemExit), Report("job", None, server):
        raise SystemExit(0)
    assert ["completed"] == [event["data"]["status"] for event in server.stored]


def test_a_result_becomes_json_whatever_it_holds(server):
    with Report("job", None, server) as job:
        job.complete({"nan": float("nan"), "set": {1}, 3: object, "tuple": (1, 2.5)})
    result = server.stored[0]["data"]["result"]
    assert (None, [1], [1, 2.5]) == (result["nan"], result["set"], result["tuple"])
    assert isinstance(result["3"], str)


def test_many_threads_report_at_once_and_nothing_is_lost(server):
    with Report("job", None, server) as job:
        threads = [
            threading.Thread(target=lambda n=n: [job.iteration(n, {"x": k}) for k in range(100)]) for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    seen = [(e["data"]["iteration"], e["data"]["metrics"]["x"]) for e in server.stored[:-1]]
    assert 800 == len(seen)
    assert all([x for n, x in seen if n == each] == list(range(100)) for each in range(8))
