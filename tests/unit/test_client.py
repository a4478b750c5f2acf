"""The REST client against a scripted server, over real sockets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from api.client import APIClient
from api.errors import APIError, ClientError, ConnectionLost
from tests.support.ports import free_port
from tests.support.scripted_server import ScriptedServer, problem, reply
from tests.support.servers import ROOT
from tests.support.wire import Wire

TASK = "3f0c9e0a-1111-4222-8333-444455556666"
CREATED = {"task_id": TASK, "id": TASK, "status": "pending", "created_at": "2026-01-01T00:00:00Z", "links": {}}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[APIClient]:
    with APIClient(server.url) as connected:
        yield connected


class Recorder:
    """Answers one route and keeps the requests."""

    def __init__(self, server: ScriptedServer, method: str, path: str, *answers: Response) -> None:
        self.requests: list[tuple[dict[str, str], Any, dict[str, str]]] = []
        self._answers = list(answers) or [reply({})]
        server.rest[method, path] = self._answer

    def _answer(self, request: Request) -> Response:
        body = json.loads(request.get_data()) if request.get_data() else None
        self.requests.append((dict(request.args), body, dict(request.headers)))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    @property
    def body(self) -> Any:
        return self.requests[-1][1]


@pytest.mark.parametrize(
    ("call", "method", "path"),
    [
        (lambda c: c.health_check(), "GET", "/api/health"),
        (lambda c: c.ready_check(), "GET", "/api/ready"),
        (lambda c: c.workloads(), "GET", "/api/workloads"),
        (lambda c: c.get_task(TASK), "GET", f"/api/tasks/{TASK}"),
        (lambda c: c.list_tasks(), "GET", "/api/tasks"),
        (lambda c: c.get_task_result(TASK), "GET", f"/api/tasks/{TASK}/result"),
        (lambda c: c.pause(TASK), "POST", f"/api/tasks/{TASK}/pause"),
        (lambda c: c.resume(TASK), "POST", f"/api/tasks/{TASK}/resume"),
        (lambda c: c.cancel(TASK), "POST", f"/api/tasks/{TASK}/cancel"),
        (lambda c: c.retry(TASK), "POST", f"/api/tasks/{TASK}/retry"),
        (lambda c: c.retry(TASK, params={"n": 3}, name="x"), "POST", f"/api/tasks/{TASK}/retry"),
        (lambda c: c.list_experiments(), "GET", "/api/experiments"),
        (lambda c: c.get_latest_experiment(), "GET", "/api/experiments/latest"),
    ],
)
def test_a_method_returns_the_json_of_its_route(
    server: ScriptedServer, client: APIClient, call: Callable[[APIClient], Any], method: str, path: str
) -> None:
    Recorder(server, method, path, reply({"answer": path}))
    assert {"answer": path} == call(client)


def test_an_optimisation_is_submitted_in_the_older_flat_form(server: ScriptedServer, client: APIClient) -> None:
    route = Recorder(server, "POST", "/api/tasks", reply(CREATED, 201))
    assert CREATED == client.create_task("config/bom_example.json", 40, 0.5, config_path="c.yaml")
    assert {
        "bom_file": "config/bom_example.json",
        "max_iterations": 40,
        "convergence_threshold": 0.5,
        "config_path": "c.yaml",
    } == route.body


def test_any_workload_is_submitted_by_type_and_params(server: ScriptedServer, client: APIClient) -> None:
    route = Recorder(server, "POST", "/api/tasks", reply(CREATED, 201))
    client.create_task(type="training", params={"epochs": 3}, name="night", tags=["lab"], priority=5)
    assert {
        "type": "training",
        "params": {"epochs": 3},
        "name": "night",
        "tags": ["lab"],
        "priority": 5,
    } == route.body


def test_an_idempotency_key_goes_into_its_header(server: ScriptedServer, client: APIClient) -> None:
    route = Recorder(server, "POST", "/api/tasks", reply(CREATED, 201))
    client.create_task("b.json", idempotency_key="k-1")
    assert "k-1" == route.requests[0][2]["Idempotency-Key"]


def test_the_token_goes_into_every_request(server: ScriptedServer) -> None:
    route = Recorder(server, "GET", "/api/health")
    with APIClient(server.url + "/", token="secret") as client:
        client.health_check()
    assert "Bearer secret" == route.requests[0][2]["Authorization"]


def test_filters_of_the_list_go_into_the_query(server: ScriptedServer, client: APIClient) -> None:
    route = Recorder(server, "GET", "/api/tasks")
    client.list_tasks(status="running", limit=5, cursor=None)
    assert {"status": "running", "limit": "5"} == route.requests[0][0]


@pytest.mark.parametrize(
    ("bom", "body"), [("b.json", {"bom_file": "b.json"}), ({"components": []}, {"bom": {"components": []}})]
)
def test_a_bom_is_validated_by_path_or_inline(
    server: ScriptedServer, client: APIClient, bom: Any, body: dict[str, Any]
) -> None:
    route = Recorder(server, "POST", "/api/bom/validate")
    client.validate_bom(bom)
    assert body == route.body


def test_a_task_id_cannot_reach_another_route(server: ScriptedServer, client: APIClient) -> None:
    with pytest.raises(APIError) as caught:
        client.get_task("../health?x=")
    assert 404 == caught.value.status


def test_a_refusal_carries_all_that_the_server_said(server: ScriptedServer, client: APIClient) -> None:
    flaws = [{"loc": ["params", "max_iterations"], "msg": "must be at least 1"}]
    Recorder(server, "POST", "/api/tasks", problem(422, "Invalid input", "params are wrong", errors=flaws))
    with pytest.raises(APIError) as caught:
        client.create_task("b.json", max_iterations=0)
    error = caught.value
    assert (422, "Invalid input", "params are wrong") == (error.status, error.title, error.detail)
    assert flaws == error.problem["errors"]
    assert "422 Invalid input: params are wrong" == str(error)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (Response("<html>bad gateway</html>", 502, mimetype="text/html"), "the server gave no reason"),
        (reply({"error": "older text"}, 400), "older text"),
        (reply(["odd"], 500), "the server gave no reason"),
    ],
)
def test_an_error_without_a_problem_is_still_an_api_error(
    server: ScriptedServer, client: APIClient, answer: Response, detail: str
) -> None:
    Recorder(server, "GET", "/api/health", answer)
    with pytest.raises(APIError) as caught:
        client.health_check()
    assert (answer.status_code, detail) == (caught.value.status, caught.value.detail)


@pytest.mark.parametrize("answer", [Response("<html>hello</html>", mimetype="text/html"), reply([1])])
def test_another_service_at_the_address_is_told(server: ScriptedServer, client: APIClient, answer: Response) -> None:
    Recorder(server, "GET", "/api/health", answer)
    with pytest.raises(APIError, match="Not a Runcast server"):
        client.health_check()


def test_an_unreachable_server_is_one_line_with_advice() -> None:
    with APIClient(f"http://127.0.0.1:{free_port()}") as client, pytest.raises(ConnectionLost) as caught:
        client.health_check()
    assert "runcast serve" in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("address", ["localhost:5000", "ftp://localhost", "http://", "nonsense"])
def test_a_wrong_address_is_told_as_such(address: str) -> None:
    with APIClient(address) as client, pytest.raises(ConnectionLost, match="is no address"):
        client.health_check()


def test_events_are_read_page_by_page(server: ScriptedServer, client: APIClient) -> None:
    task = server.task(*[("log", {"n": n}) for n in range(2500)])
    assert list(range(1, 2501)) == [event["seq"] for event in client.events(task)]
    assert [2499, 2500] == [event["seq"] for event in client.events(task, since=2498)]
    assert [] == list(client.events(task, since=2500))


def an_event(seq: int) -> dict[str, Any]:
    return {"task_id": TASK, "seq": seq, "event_type": "log", "data": {}, "timestamp": "2026-01-01T00:00:00Z"}


def a_page(first_seq: int, *seqs: int, last_seq: int = 9) -> Response:
    return reply({"events": [an_event(seq) for seq in seqs], "first_seq": first_seq, "last_seq": last_seq})


def test_trimmed_history_from_the_start_begins_with_what_is_kept(server: ScriptedServer, client: APIClient) -> None:
    Recorder(server, "GET", f"/api/tasks/{TASK}/events", a_page(7, 7, 8, 9))
    assert [7, 8, 9] == [event["seq"] for event in client.events(TASK)]


@pytest.mark.parametrize("left", [(7, 8, 9), ()])
def test_a_number_whose_next_events_were_removed_is_an_error_not_a_shorter_history(
    server: ScriptedServer, client: APIClient, left: tuple[int, ...]
) -> None:
    Recorder(server, "GET", f"/api/tasks/{TASK}/events", a_page(7 if left else 10, *left))
    with pytest.raises(ClientError, match=r"events 5 to (6|9) of task .* not kept"):
        list(client.events(TASK, since=4))


def test_events_removed_while_they_are_read_are_an_error(server: ScriptedServer, client: APIClient) -> None:
    Recorder(server, "GET", f"/api/tasks/{TASK}/events", a_page(1, 1, 2, 3), a_page(6, 6, 7, 8, 9))
    events = client.events(TASK)
    assert [1, 2, 3] == [next(events)["seq"] for _ in range(3)]
    with pytest.raises(ClientError, match="events 4 to 5"):
        next(events)


def test_a_page_of_events_is_asked_for_when_the_one_before_is_used_up(
    server: ScriptedServer, client: APIClient
) -> None:
    route = Recorder(server, "GET", f"/api/tasks/{TASK}/events", a_page(1, 1, 2), a_page(1, 3, 4), a_page(1, 5, 9))
    events = client.events(TASK)
    asked = [(next(events)["seq"], len(route.requests)) for _ in range(4)]
    assert [(1, 1), (2, 1), (3, 2), (4, 2)] == asked


def test_waiting_returns_the_ended_task(server: ScriptedServer, client: APIClient) -> None:
    running, ended = {"task_id": TASK, "status": "running"}, {"task_id": TASK, "status": "failed", "error": "boom"}
    route = Recorder(server, "GET", f"/api/tasks/{TASK}", reply(running), reply(running), reply(ended))
    assert ended == client.wait_for_task(TASK, poll_interval=0.01)
    assert 3 == len(route.requests)


def test_waiting_gives_up_at_the_timeout(server: ScriptedServer, client: APIClient) -> None:
    task = server.task(("status_change", {"status": "running"}))
    with pytest.raises(TimeoutError, match=task):
        client.wait_for_task(task, poll_interval=0.01, timeout=0.05)


def test_waiting_survives_a_server_that_is_briefly_away(server: ScriptedServer) -> None:
    """The first answer breaks off with the connection, the second is 503, the third tells the end."""
    ended = {"task_id": TASK, "status": "completed"}
    with Wire(server.port) as wire, APIClient(wire.url) as client:

        def answer(request: Request) -> Response:
            asked.append(request.path)
            if len(asked) == 1:
                wire.cut()
            return problem(503, "Unavailable", "starting") if len(asked) == 2 else reply(ended)

        asked: list[str] = []
        server.rest["GET", f"/api/tasks/{TASK}"] = answer
        assert ended == client.wait_for_task(TASK, poll_interval=0.01)
    assert 3 == len(asked)


def test_waiting_for_an_unknown_task_fails_at_once(client: APIClient) -> None:
    with pytest.raises(APIError, match="no such task"):
        client.wait_for_task("nowhere")


def test_run_optimization_returns_the_result(server: ScriptedServer, client: APIClient) -> None:
    Recorder(server, "POST", "/api/tasks", reply(CREATED, 201))
    Recorder(server, "GET", f"/api/tasks/{TASK}", reply({"task_id": TASK, "status": "completed"}))
    Recorder(server, "GET", f"/api/tasks/{TASK}/result", reply({"task_id": TASK, "summary": {"max_temp": 41.0}}))
    assert {"max_temp": 41.0} == client.run_optimization("b.json", poll_interval=0.01)["summary"]


def test_run_optimization_without_waiting_returns_the_new_task(server: ScriptedServer, client: APIClient) -> None:
    Recorder(server, "POST", "/api/tasks", reply(CREATED, 201))
    assert CREATED == client.run_optimization("b.json", wait=False)


@pytest.mark.parametrize(("status", "error"), [("failed", "no such part"), ("cancelled", None)])
def test_run_optimization_raises_when_there_is_no_result(
    server: ScriptedServer, client: APIClient, status: str, error: str | None
) -> None:
    Recorder(server, "POST", "/api/tasks", reply(CREATED, 201))
    Recorder(server, "GET", f"/api/tasks/{TASK}", reply({"task_id": TASK, "status": status, "error": error}))
    with pytest.raises(ClientError, match=error or status):
        client.run_optimization("b.json", poll_interval=0.01)


def test_a_picture_is_saved_where_asked(server: ScriptedServer, client: APIClient, tmp_path: Path) -> None:
    picture = bytes(range(256)) * 1000
    Recorder(server, "GET", f"/api/tasks/{TASK}/visualizations/layout.png", Response(picture, mimetype="image/png"))
    target = tmp_path / "layout.png"
    assert target == client.download_visualization(TASK, "layout.png", str(target))
    assert picture == target.read_bytes()
    assert [target] == list(tmp_path.iterdir())


def test_a_download_that_breaks_off_leaves_no_file(server: ScriptedServer, client: APIClient, tmp_path: Path) -> None:
    broken = Response(b"half", mimetype="image/png")
    broken.content_length = 1000
    Recorder(server, "GET", f"/api/tasks/{TASK}/visualizations/layout.png", broken)
    with pytest.raises(ConnectionLost, match="broke off"):
        client.download_visualization(TASK, "layout.png", tmp_path / "layout.png")
    assert [] == list(tmp_path.iterdir())


def test_the_clients_need_neither_the_server_nor_its_libraries() -> None:
    """`pip install requests "python-socketio[client]"` is all: every other package is blocked here."""
    program = """
import sys

ALLOWED = {"api", "requests", "urllib3", "certifi", "idna", "charset_normalizer", "socketio", "bidict",
           "typing_extensions", "engineio", "simple_websocket", "wsproto", "h11", "websocket"}

class Only:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in ALLOWED and top not in sys.stdlib_module_names:
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Only())
import api.client, api.websocket_client
from api.websocket_client import AsyncTaskClient
api.client.APIClient(), api.websocket_client.TaskWebSocketClient(), AsyncTaskClient()
ours = {name for name in sys.modules if name.startswith("api.")}
allowed = {"api.client", "api.websocket_client", "api.async_client", "api.errors", "api.domain", "api.subscriber"}
strange = {name for name in ours if name not in allowed and not name.startswith(("api.domain.", "api.subscriber."))}
assert not strange, strange
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (0, "") == (done.returncode, done.stderr)
