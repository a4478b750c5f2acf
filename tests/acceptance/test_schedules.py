"""Schedules on a real server: they run on time, once with several processes, and across a crash."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import requests

from api.client import APIClient
from api.errors import APIError
from tests.support.waiting import wait_until

TASK = {"type": "test-noop", "name": "again"}


@pytest.fixture
def client(server):
    with APIClient(server.url) as client:
        yield client


def tasks_of(client, schedule_id):
    return client.list_tasks(schedule_id=schedule_id, limit=200)["tasks"]


def at(text):
    return datetime.fromisoformat(text)


def test_an_interval_runs_on_time_and_stops_when_paused_or_deleted(client):
    made = client.create_schedule(TASK, every_seconds=1, overlap="allow", name="each second")
    schedule_id = made["schedule_id"]
    assert timedelta(seconds=1) == at(made["next_run_at"]) - at(made["created_at"])
    wait_until(lambda: len(tasks_of(client, schedule_id)) >= 3, 20)
    paused = client.edit_schedule(schedule_id, paused=True)
    assert (True, None) == (paused["paused"], paused["next_run_at"])
    tasks = tasks_of(client, schedule_id)
    for task in tasks:
        late = at(task["created_at"]) - at(task["run_at"])
        assert (timedelta() <= late, "again", schedule_id) == (True, task["name"], task["schedule_id"])
    assert [1.0] * (len(tasks) - 1) == [
        (at(new["run_at"]) - at(old["run_at"])).total_seconds() for new, old in pairwise(tasks)
    ]
    resumed = client.edit_schedule(schedule_id, paused=False)
    assert at(resumed["next_run_at"]) > datetime.now(UTC) - timedelta(seconds=1)
    wait_until(lambda: len(tasks_of(client, schedule_id)) > len(tasks), 20)
    client.delete_schedule(schedule_id)
    with pytest.raises(APIError, match="no such schedule"):
        client.get_schedule(schedule_id)
    assert tasks_of(client, schedule_id)


def test_cron_shows_its_next_run_in_its_zone(client):
    made = client.create_schedule(TASK, cron="30 2 * * *", timezone="Asia/Kolkata")
    next_run = at(made["next_run_at"])
    assert ("21:00", True) == (f"{next_run:%H:%M}", next_run - at(made["created_at"]) <= timedelta(days=1))
    edited = client.edit_schedule(made["id"], cron="0 0 1 1 *", timezone="UTC")
    assert ("01-01 00:00", "UTC") == (f"{at(edited['next_run_at']):%m-%d %H:%M}", edited["timezone"])
    interval = client.edit_schedule(made["id"], every_seconds=3600, missed_runs="all")
    assert (None, 3600, "all") == (interval["cron"], interval["every_seconds"], interval["missed_runs"])
    listed = client.list_schedules(limit=1)
    assert [interval] == listed["schedules"]
    client.delete_schedule(made["id"])


def test_the_list_goes_on_where_a_page_ends(client):
    made = [client.create_schedule(TASK, every_seconds=9999)["id"] for _ in range(3)]
    page = client.list_schedules(limit=2)
    rest = client.list_schedules(limit=200, cursor=page["next_cursor"])
    assert made[::-1] == [each["id"] for each in page["schedules"] + rest["schedules"]][:3]
    for schedule_id in made:
        client.delete_schedule(schedule_id)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"task": TASK}, []),
        ({"task": TASK, "cron": "* * * * *", "every_seconds": 5}, []),
        ({"task": TASK, "cron": "* * * * * *"}, ["cron"]),
        ({"task": TASK, "cron": "0 0 31 2 *"}, ["cron"]),
        ({"task": TASK, "cron": "* * * * *", "timezone": "Europe/Atlantis"}, ["timezone"]),
        ({"task": TASK, "every_seconds": 0}, ["every_seconds"]),
        ({"task": {"type": "nothing"}, "every_seconds": 9}, ["task", "type"]),
        ({"task": {"type": "test-steps", "params": {"n": -1}}, "every_seconds": 9}, ["task", "params", "n"]),
        ({"task": {"type": "test-steps", "params": {"n": {"$result": "x"}}}, "every_seconds": 9}, ["task", "params"]),
        ({"task": {"type": "external"}, "every_seconds": 9}, ["task", "type"]),
        ({"task": {**TASK, "run_at": "2030-01-01T00:00:00Z"}, "every_seconds": 9}, ["task", "run_at"]),
    ],
)
def test_a_schedule_that_could_never_run_is_refused(server, body, place):
    answer = requests.post(f"{server.url}/api/schedules", json=body, timeout=5)
    assert (422, [place]) == (answer.status_code, [flaw["loc"] for flaw in answer.json()["errors"]])


def test_several_processes_submit_each_run_once_and_a_crash_repeats_none(start_server):
    """Two servers on one data folder, both of which run schedules; one is killed and comes back."""
    first, second = (start_server(awaits="/api/health") for _ in range(2))
    with APIClient(first.url) as client, APIClient(second.url) as other:
        often = {"every_seconds": 1, "overlap": "allow", "missed_runs": "all"}
        ids = [client.create_schedule(TASK, **often)["id"] for _ in range(3)]
        wait_until(lambda: len(tasks_of(client, ids[-1])) >= 3, 30)
        first.kill()
        seen = len(tasks_of(other, ids[-1]))
        wait_until(lambda: len(tasks_of(other, ids[-1])) >= seen + 2, 30)
        first.start()
        again = len(tasks_of(client, ids[-1]))
        wait_until(lambda: len(tasks_of(client, ids[-1])) >= again + 2, 30)
        for schedule_id in ids:
            other.edit_schedule(schedule_id, paused=True)
            runs = Counter(task["run_at"] for task in tasks_of(other, schedule_id))
            assert {1} == set(runs.values())
            assert len(runs) == (at(max(runs)) - at(min(runs))).total_seconds() + 1
