"""Alert rules on a real server, with a real receiver of their webhooks."""

from __future__ import annotations

import json
import signal
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
import requests
from websockets.sync.client import connect

from api.runtime.patch import MODES
from tests.support.events import Json, history, submit, task, wait_for_status
from tests.support.receiver import Receiver
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

PRIVATE = {"RUNCAST_WEBHOOK_PRIVATE": "127.0.0.1", "RUNCAST_WEBHOOK_DELAY_SECONDS": "0.1"}
ABOVE = {"type": "metric", "metric": "loss", "op": "above", "bound": 1}
FAILED = {"type": "failed"}
SECONDS = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = PRIVATE | {"RUNCAST_STALLED_SECONDS": "1"}
    with ServerProcess(tmp_path_factory.mktemp("data"), env=env) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


def make(server: ServerProcess, condition: Json, *actions: Json, **options) -> Json:
    body = {"condition": condition, "actions": list(actions), **options}
    answer = requests.post(f"{server.url}/api/rules", json=body, timeout=10)
    assert 201 == answer.status_code, answer.text
    assert answer.json()["links"]["self"] == answer.headers["Location"]
    return answer.json()


def get(server: ServerProcess, path: str) -> Json:
    answer = requests.get(f"{server.url}{path}", timeout=10)
    assert answer.ok, answer.text
    return answer.json()


def firings(server: ServerProcess, rule: Json) -> list[Json]:
    return get(server, rule["links"]["firings"])["firings"]


def fired(server: ServerProcess, rule: Json, times: int = 1) -> list[Json]:
    wait_until(lambda: len(firings(server, rule)) >= times, SECONDS, lambda: f"{firings(server, rule)}")
    return firings(server, rule)


def report(server: ServerProcess, task_id: str, *events: Json) -> None:
    answer = requests.post(f"{server.url}/api/tasks/{task_id}/events", json=list(events), timeout=10)
    assert 201 == answer.status_code, answer.text


def iteration(number: int, **metrics: float | None) -> Json:
    return {"event_type": "iteration_complete", "data": {"iteration": number, "metrics": metrics}}


def external(server: ServerProcess, tag: str) -> str:
    return submit(server.url, "external", tags=[tag])


def webhook(receiver: Receiver, **options: str) -> Json:
    return {"type": "webhook", "url": receiver.url, **options}


ERROR = {"event_type": "error", "data": {"error": "out of memory"}}
COMPLETED = {"event_type": "status_change", "data": {"status": "completed"}}
PLATEAU = {"type": "plateau", "metric": "loss", "window": 2}


@pytest.mark.parametrize(
    ("condition", "reports", "seq", "reason"),
    [
        (FAILED, [ERROR], 2, "failed: out of memory"),
        ({"type": "ended"}, [iteration(1), COMPLETED], 3, "completed"),
        ({"type": "ended", "statuses": ["failed"]}, [ERROR], 2, "failed: out of memory"),
        (ABOVE, [iteration(1, loss=1), iteration(2, loss=3), iteration(3, loss=4)], 3, "loss is 3, above 1"),
        ({"type": "nonfinite"}, [iteration(1, loss=1), iteration(2, acc=None)], 3, "acc is nan"),
        (PLATEAU, [iteration(n, loss=1) for n in range(1, 6)], 4, "loss has not improved for 2 reports (best: 1)"),
        ({"type": "stalled"}, [iteration(1)], 3, "stalled: its reporter has not been heard of for"),
    ],
    ids=["failed", "ended", "ended-failed", "metric", "nonfinite", "plateau", "stalled"],
)
def test_each_condition_is_notified_called_and_acted_upon(
    server: ServerProcess, receiver: Receiver, request: pytest.FixtureRequest, condition, reports, seq, reason
) -> None:
    """By one rule that notifies, calls and, where its condition does not come too late for that, stops."""
    tag = request.node.callspec.id
    too_late = condition["type"] in ("failed", "ended")
    actions = [{"type": "notify"}, webhook(receiver), *([] if too_late else [{"type": "stop"}])]
    rule = make(server, condition, *actions, match={"type": "external", "tag": tag}, name=tag)
    other, task_id = external(server, "other"), external(server, tag)
    for id_ in (other, task_id):
        report(server, id_, *reports)
    (firing,) = fired(server, rule)
    assert (task_id, seq) == (firing["task_id"], firing["seq"])
    assert firing["reason"].startswith(reason)
    wait_until(lambda: receiver.received, SECONDS)
    (call,) = receiver.received
    assert call.signed_with(rule["secret"])
    assert not call.signed_with("another")
    body = call.body
    assert (firing["reason"], firing["at"], rule["id"]) == (body["reason"], body["fired_at"], body["rule"]["id"])
    assert body["event"] == next(event for event in history(server.url, task_id) if event["seq"] == seq)
    assert (task_id, False) == (body["task"]["id"], "params" in body["task"])
    assert body["delivery_id"] == call.headers["x-runcast-delivery"]
    if not too_late:
        wait_for_status(server.url, task_id, "cancelled")
        lines = [event["data"]["message"] for event in history(server.url, task_id) if event["event_type"] == "log"]
        assert f'rule "{tag}" stopped this task: {firing["reason"]}' in lines
    shown = get(server, rule["links"]["self"])
    assert (1, None, None if too_late else "stopped") == (shown["fired"], shown["secret"], firing["outcome"])
    wait_until(lambda: get(server, rule["links"]["self"])["last_delivery"]["status"] == "delivered", SECONDS)
    requests.delete(f"{server.url}{rule['links']['self']}", timeout=10).raise_for_status()


def test_a_task_that_runs_here_is_paused_once_with_a_line_that_says_why(server: ServerProcess) -> None:
    condition = {"type": "metric", "metric": "step", "op": "above", "bound": 2}
    rule = make(server, condition, {"type": "pause"}, match={"type": "test-steps"}, name="look")
    task_id = submit(server.url, "test-steps", {"n": 400, "delay": 0.05})
    wait_for_status(server.url, task_id, "paused")
    (firing,) = fired(server, rule)
    assert ("step is 3, above 2", "paused") == (firing["reason"], firing["outcome"])
    lines = [event["data"]["message"] for event in history(server.url, task_id) if event["event_type"] == "log"]
    assert 'rule "look" paused this task: step is 3, above 2' in lines
    requests.post(f"{server.url}/api/tasks/{task_id}/resume", timeout=10).raise_for_status()
    reached = task(server.url, task_id)["current_iteration"]
    wait_until(lambda: task(server.url, task_id)["current_iteration"] > reached + 3, SECONDS)
    assert 1 == len(firings(server, rule))
    requests.post(f"{server.url}/api/tasks/{task_id}/cancel", timeout=10).raise_for_status()
    wait_for_status(server.url, task_id, "cancelled")


def test_a_receiver_that_was_away_gets_it_later_under_the_same_id(server: ServerProcess) -> None:
    receiver = Receiver()
    rule = make(server, FAILED, webhook(receiver, secret="a-secret-of-ones-own"), match={"tag": "away"})
    assert rule["secret"] is None
    report(server, external(server, "away"), ERROR)
    wait_until(lambda: (get(server, rule["links"]["self"])["last_delivery"] or {}).get("attempts", 0) >= 2, SECONDS)
    (waiting,) = get(server, rule["links"]["deliveries"])["deliveries"]
    assert ("pending", True) == (waiting["status"], "Connection refused" in waiting["error"])
    with receiver:
        wait_until(lambda: receiver.received, SECONDS)
        wait_until(lambda: get(server, rule["links"]["self"])["last_delivery"]["status"] == "delivered", SECONDS)
    (call,) = receiver.received
    assert (waiting["delivery_id"], True) == (call.body["delivery_id"], call.signed_with("a-secret-of-ones-own"))


def test_what_a_deleted_rule_had_to_tell_is_dropped_and_a_disabled_one_is_silent(server: ServerProcess) -> None:
    receiver = Receiver()
    deleted, disabled, last = (make(server, FAILED, webhook(receiver), match={"tag": "gone"}) for _ in range(3))
    toggled = requests.post(f"{server.url}{disabled['links']['self']}/toggle", timeout=10).json()
    assert toggled["enabled"] is False
    report(server, external(server, "gone"), ERROR)
    for rule in (deleted, last):
        fired(server, rule)
    assert 204 == requests.delete(f"{server.url}{deleted['links']['self']}", timeout=10).status_code
    with receiver:
        wait_until(lambda: receiver.about(last["id"]), SECONDS)
        edited = requests.patch(f"{server.url}{disabled['links']['self']}", json={"enabled": True}, timeout=10).json()
        assert edited["enabled"] is True
        report(server, external(server, "gone"), ERROR)
        wait_until(lambda: receiver.about(disabled["id"]), SECONDS)
        wait_until(lambda: len(receiver.about(last["id"])) == 2, SECONDS)
    assert ([], 1) == (receiver.about(deleted["id"]), len(receiver.about(disabled["id"])))
    assert 404 == requests.get(f"{server.url}{deleted['links']['firings']}", timeout=10).status_code


def test_a_flood_of_metrics_is_looked_at_to_its_end(server: ServerProcess) -> None:
    rule = make(server, ABOVE, match={"tag": "flood"})
    task_id = external(server, "flood")
    for start in range(0, 5000, 1000):
        report(server, task_id, *(iteration(start + n, loss=2.0 if n == 999 else 0.0) for n in range(1000)))
    assert [5001, 4001, 3001, 2001, 1001] == [each["seq"] for each in fired(server, rule, 5)]


def test_the_list_goes_on_where_a_page_ends(server: ServerProcess) -> None:
    made = [make(server, FAILED, match={"tag": "list"})["id"] for _ in range(3)]
    page = get(server, "/api/rules?limit=2")
    rest = get(server, f"/api/rules?limit=200&cursor={page['next_cursor']}")
    assert made[::-1] == [each["id"] for each in page["rules"] + rest["rules"]][:3]


def test_a_patch_merges_the_match_and_replaces_the_rest(server: ServerProcess) -> None:
    rule = make(server, ABOVE, {"type": "stop"}, match={"type": "external", "tag": "patch"}, name="n")
    change = {"match": {"type": None, "owner": "ann"}, "condition": PLATEAU, "cooldown_seconds": 5}
    answer = requests.patch(f"{server.url}{rule['links']['self']}", json=change, timeout=10)
    edited = answer.json()
    assert {"type": None, "tag": "patch", "owner": "ann"} == edited["match"]
    assert PLATEAU | {"min_delta": 0.0, "mode": "min"} == edited["condition"]
    assert ("n", [{"type": "stop"}], 5) == (edited["name"], edited["actions"], edited["cooldown_seconds"])
    refused = requests.patch(f"{server.url}{rule['links']['self']}", json={"condition": FAILED}, timeout=10)
    assert (422, [["actions", 0]]) == (refused.status_code, [flaw["loc"] for flaw in refused.json()["errors"]])


@pytest.mark.parametrize(
    ("change", "places"),
    [
        ({"condition": None}, [["condition"]]),
        ({"condition": {"type": "unlucky"}}, [["condition"]]),
        ({"condition": {"type": "metric", "op": "near"}}, [["metric"], ["op"], ["bound"]]),
        ({"condition": {**PLATEAU, "window": 0, "mode": "up"}}, [["window"], ["mode"]]),
        ({"condition": {"type": "ended", "statuses": ["running"]}}, [["statuses", 0]]),
        ({"actions": [{"type": "stop"}]}, [["actions", 0]]),
        ({"actions": [{"type": "notify"}] * 2}, [["actions"]]),
        ({"condition": ABOVE, "actions": [{"type": "stop"}, {"type": "pause"}]}, [["actions"]]),
        ({"actions": [{"type": "webhook", "url": "ftp://a.example/"}]}, [["url"]]),
        ({"actions": [{"type": "webhook", "url": "http://user@a.example/"}]}, [["actions", 0, "url"]]),
        ({"actions": [{"type": "webhook", "url": "http://10.0.0.1/"}]}, [["actions", 0, "url"]]),
        ({"actions": [{"type": "webhook", "url": "http://2130706433/"}]}, [["actions", 0, "url"]]),
        ({"actions": [{"type": "webhook", "url": "http://a.example/", "secret": "short"}]}, [["secret"]]),
        ({"match": {"state": "x"}}, [["match", "state"]]),
        ({"cooldown_seconds": -1, "enabled": 1, "extra": 1}, [["enabled"], ["cooldown_seconds"], ["extra"]]),
    ],
)
def test_a_rule_that_is_none_is_refused_with_each_flaw(server: ServerProcess, change, places) -> None:
    body = {"condition": FAILED} | change
    answer = requests.post(f"{server.url}/api/rules", json=body, timeout=10)
    assert 422 == answer.status_code
    found = [flaw["loc"] for flaw in answer.json()["errors"]]
    assert places == [loc[-len(place) :] for loc, place in zip(found, places, strict=True)]


def test_private_addresses_are_called_only_where_that_is_allowed(start_server, receiver: Receiver) -> None:
    """By default neither at the creation nor, when the setting is gone, at the call."""
    allowed = start_server(env=PRIVATE)
    rule = make(allowed, FAILED, webhook(receiver))
    allowed.stop()
    server = start_server()
    for url in (receiver.url, receiver.url.replace("127.0.0.1", "localhost"), "http://[::ffff:169.254.169.254]/"):
        body = {"condition": FAILED, "actions": [{"type": "webhook", "url": url}]}
        answer = requests.post(f"{server.url}/api/rules", json=body, timeout=10)
        assert (422, True) == (answer.status_code, "RUNCAST_WEBHOOK_PRIVATE" in answer.text)
    report(server, external(server, "x"), ERROR)
    wait_until(lambda: (get(server, rule["links"]["self"])["last_delivery"] or {}).get("error"), SECONDS)
    assert "127.0.0.1 is no public address" in get(server, rule["links"]["self"])["last_delivery"]["error"]
    assert [] == receiver.received


def test_a_wrong_setting_is_named(tmp_path) -> None:
    server = ServerProcess(tmp_path, env={"RUNCAST_WEBHOOK_PRIVATE": "10.0.0.1/8"})
    assert 0 != server.launch().wait(SECONDS)
    assert "RUNCAST_WEBHOOK_PRIVATE: '10.0.0.1/8' is neither a host name nor a network" in server.log_text()


@pytest.mark.parametrize("mode", MODES)
def test_in_every_async_mode_calls_are_made_over_tls_and_a_slow_receiver_holds_up_nobody(
    start_server, certificate, receiver: Receiver, mode: str
) -> None:
    """The time limit holds too; what was sent in it is sent again."""
    env = PRIVATE | {"RUNCAST_ASYNC_MODE": mode, "SSL_CERT_FILE": str(certificate.certificate)}
    server = start_server(env=env)
    receiver.hold = threading.Event()
    slow = make(server, FAILED, webhook(receiver))
    with Receiver(certificate) as secure:
        fast = make(server, FAILED, webhook(secure))
        try:
            report(server, external(server, "x"), ERROR)
            wait_until(lambda: receiver.received, SECONDS)
            for times in (1, 2, 3):
                wait_until(lambda times=times: len(secure.received) == times, SECONDS)
                assert secure.received[-1].signed_with(fast["secret"])
                report(server, external(server, "x"), ERROR)
            assert 1 == len(receiver.received)
        finally:
            receiver.hold.set()
    wait_until(lambda: len(receiver.received) >= 4, SECONDS)
    assert all(call.signed_with(slow["secret"]) for call in receiver.received)
    assert "broken" not in server.log_text()


def test_what_was_committed_before_a_kill_fires_once_and_in_the_next_process(start_server, receiver: Receiver) -> None:
    """The one that runs the tasks looks, whichever of them a rule and a report come to. It is stopped in its tracks,
    the other one commits, the first is killed: it has not looked."""
    first = start_server(env=PRIVATE)
    second = start_server(env=PRIVATE, awaits="/api/health")
    rules = [make(server, condition, webhook(receiver)) for server, condition in ((second, ABOVE), (first, FAILED))]
    known = external(second, "known")
    report(second, known, iteration(1, loss=2), iteration(2, loss=0))
    fired(first, rules[0])
    first.signal(signal.SIGSTOP)
    new = external(second, "new")
    for task_id in (known, new):
        report(second, task_id, iteration(3, loss=5), ERROR)
    assert 1 == len(firings(second, rules[0]))
    first.kill()
    expected = {(known, 2), (known, 4), (new, 2)}, {(known, 5), (new, 3)}
    for rule, times in zip(rules, expected, strict=True):
        fired(second, rule, len(times))
    wait_until(lambda: len(receiver.received) >= 5, SECONDS)
    second.kill()
    first.start()
    last = external(first, "last")
    report(first, last, iteration(1, loss=2), ERROR)
    for rule, times, more in zip(rules, expected, ((last, 2), (last, 3)), strict=True):
        found = fired(first, rule, len(times) + 1)
        assert {*times, more} == {(each["task_id"], each["seq"]) for each in found}
        assert len(found) == len(times) + 1 == get(first, rule["links"]["self"])["fired"]


def test_kills_amid_many_failures_lose_no_firing_and_repeat_none(start_server, receiver: Receiver) -> None:
    """Each delivery arrives, perhaps twice, under an id of its own."""
    server = start_server(env=PRIVATE)
    rule = make(server, FAILED, webhook(receiver))
    failed: list[str] = []
    for _ in range(2):
        tasks = [external(server, "storm") for _ in range(12)]
        for task_id in tasks:
            report(server, task_id, iteration(1, loss=1), ERROR)
            failed.append(task_id)
        server.kill()
        server.start()
    found = fired(server, rule, len(failed))
    assert dict.fromkeys(failed, 1) == Counter(each["task_id"] for each in found)
    wait_until(lambda: {call.body["task"]["id"] for call in list(receiver.received)} == set(failed), SECONDS)
    assert len(failed) == len({call.body["delivery_id"] for call in receiver.received})


def test_a_firing_and_every_change_of_a_rule_reach_those_who_listen(server: ServerProcess) -> None:
    with connect(f"{server.url.replace('http', 'ws')}/ws/realtime", open_timeout=SECONDS) as opened:
        for topic in ("rules", "alerts", "notifications"):
            opened.send(json.dumps({"action": "subscribe", "topic": topic}))

        def heard(kind: str, text: str) -> Json:
            while True:
                message: Json = json.loads(opened.recv(SECONDS))
                if message["type"] == kind and text in json.dumps(message):
                    return message

        heard("subscription", "notifications")
        rule = make(server, ABOVE, {"type": "notify"}, name="too high", match={"tag": "heard"})
        assert "created" == heard("rule_change", rule["id"])["action"]
        task_id = external(server, "heard")
        report(server, task_id, iteration(1, loss=5))
        told = [heard(kind, "too high") for kind in ("alert", "notification")]
        assert all("loss is 5, above 1" in json.dumps(each) for each in told)
        address = f"{server.url}/api/rules/{rule['id']}"
        for method, path, action in (
            ("PATCH", "", "updated"),
            ("POST", "/toggle", "toggled"),
            ("DELETE", "", "deleted"),
        ):
            body = {"name": "higher"} if method == "PATCH" else None
            assert requests.request(method, address + path, json=body, timeout=10).ok
            assert action == heard("rule_change", rule["id"])["action"]
