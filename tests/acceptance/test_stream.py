"""Server-Sent Events, as `curl -N` and a browser's EventSource read them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import requests

from tests.support.events import history, submit, wait_for_status


def blocks(url: str, **options) -> Iterator[dict[str, str]]:
    """The events of a stream as field → text; ends with the stream."""
    with requests.get(url, stream=True, timeout=30, **options) as response:
        assert response.status_code == 200, response.text
        assert "text/event-stream; charset=utf-8" == response.headers["Content-Type"]
        assert ("no-store", "no") == (response.headers["Cache-Control"], response.headers["X-Accel-Buffering"])
        fields: dict[str, str] = {}
        for line in response.iter_lines(decode_unicode=True):
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                yield fields
                fields = {}


def stream(server, task_id: str) -> str:
    return f"{server.url}/api/tasks/{task_id}/stream"


def test_a_stream_from_the_start_is_the_whole_history_then_the_end(server):
    task_id = submit(server.url, "test-steps", {"n": 20, "delay": 0.01})
    heard = list(blocks(stream(server, task_id), params={"since": 0}))
    assert "end" == heard[-1]["event"]
    assert history(server.url, task_id) == [json.loads(block["data"]) for block in heard[:-1]]
    kinds = [json.loads(block["data"])["event_type"] for block in heard[:-1]]
    assert kinds == [block["event"] for block in heard[:-1]]


def test_last_event_id_resumes_after_it(server):
    task_id = submit(server.url, "test-steps", {"n": 5})
    wait_for_status(server.url, task_id, "completed")
    heard = list(blocks(stream(server, task_id), params={"since": 0}))
    resumed = list(blocks(stream(server, task_id), headers={"Last-Event-ID": heard[3]["id"]}))
    assert heard[4:] == resumed


def test_a_resume_at_the_end_is_answered_204_which_stops_a_browser(server):
    task_id = submit(server.url, "test-noop")
    last = wait_for_status(server.url, task_id, "completed")["last_seq"]
    assert 204 == requests.get(stream(server, task_id), params={"since": last}, timeout=10).status_code


def test_another_journals_position_is_answered_by_a_reset_and_the_present_state(server):
    task_id = submit(server.url, "test-steps", {"n": 3})
    wait_for_status(server.url, task_id, "completed")
    for foreign in ("another:1", "rubbish", "another:99999999"):
        heard = [block["event"] for block in blocks(stream(server, task_id), headers={"Last-Event-ID": foreign})]
        assert ["reset", "progress", "status_change", "end"] == heard


def test_a_failure_is_named_so_that_a_browser_does_not_take_it_for_a_lost_connection(server):
    task_id = submit(server.url, "test-raise")
    heard = list(blocks(stream(server, task_id), params={"since": 0}))
    assert ["task_error", "end"] == [block["event"] for block in heard[-2:]]


def test_an_unknown_task_is_a_404_and_not_an_empty_stream(server):
    assert 404 == requests.get(stream(server, "00000000-0000-0000-0000-000000000000"), timeout=10).status_code
