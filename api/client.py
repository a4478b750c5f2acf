"""The REST API as a Python object.

    client = APIClient("http://localhost:5000")
    task = client.create_task("config/bom_example.json", max_iterations=40)
    print(client.wait_for_task(task["task_id"])["metrics"])

Methods return the JSON of their route as it is (docs: `/docs` of the server). Every one raises
`api.errors.APIError` when the server refuses (with `status`, `title`, `detail`, and the whole answer in
`problem`, whose `errors` name each wrong value) and `api.errors.ConnectionLost` when it cannot be reached.
Times are RFC 3339 in UTC, durations seconds, lengths mm, temperatures °C. Needs `pip install requests`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import requests

from api.domain.lifecycle import TERMINAL, Status
from api.errors import APIError, ClientError, ConnectionLost
from api.subscriber.advice import no_address, reason_of, unreachable
from api.subscriber.report import Report
from api.subscriber.sender import Errors

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
PATIENCE_SECONDS = 60.0
"""So long `wait_for_task` goes on while the server cannot be reached."""
PAGE = 1000

Json = dict[str, Any]


class APIClient:
    """One server. Connections are kept open between calls; not to be shared between threads."""

    def __init__(
        self, base_url: str = "http://localhost:5000", token: str | None = None, *, read_seconds: float = READ_SECONDS
    ) -> None:
        """`read_seconds`: how long the server may take for an answer."""
        self._timeout = (min(CONNECT_SECONDS, read_seconds), read_seconds)
        self.base_url = base_url.rstrip("/")
        self._token = token
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/json"
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()

    def health_check(self) -> Json:
        """`{"status": "ok", "timestamp"}` when the server is up."""
        return self._json("GET", "/api/health")

    def ready_check(self) -> Json:
        """The state of each part of the server; `APIError` 503 while one is not ready."""
        return self._json("GET", "/api/ready")

    def workloads(self) -> Json:
        """Each type of task with its title, description, JSON Schema of its params and an example."""
        return self._json("GET", "/api/workloads")

    def create_task(
        self,
        bom_file: str | None = None,
        max_iterations: int = 20,
        convergence_threshold: float = 0.01,
        config_path: str | None = None,
        *,
        type: str | None = None,
        params: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        **options: Any,
    ) -> Json:
        """Submit a task; returns `{"task_id", "id", "status", "created_at", "links"}`.

        With `type` any workload and its `params`, without it an optimisation of `bom_file` (a path on
        the server). `options` are `name, tags, priority, depends_on, run_at, max_attempts,
        timeout_seconds`. A repeated call with the same `idempotency_key` gives the first task,
        for 7 days.
        `APIError` 422 names each wrong value, 409 the same key for another task.
        """
        if type is not None:
            body: Json = {"type": type, "params": dict(params or {})}
        else:
            body = {
                "bom_file": bom_file,
                "max_iterations": max_iterations,
                "convergence_threshold": convergence_threshold,
            }
            if config_path is not None:
                body["config_path"] = config_path
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
        return self._json("POST", "/api/tasks", json={**body, **options}, headers=headers)

    def get_task(self, task_id: str) -> Json:
        """The task: `status, progress_percent, metrics, result, error, last_seq, links, …`."""
        return self._json("GET", _task(task_id))

    def list_tasks(self, **filters: Any) -> Json:
        """`{"tasks", "total", "next_cursor"}`, newest first.

        `filters`: `status, type, tag, owner, batch_id, q` (text in name or params, or an id's
        beginning), `limit` up to 200, and `cursor`, the `next_cursor` of the page before.
        """
        return self._json("GET", "/api/tasks", params=filters)

    def get_task_result(self, task_id: str) -> Json:
        """`{"task_id", "result", "summary", "evolution", "experiment_dir"}`; `APIError` 409 until completed."""
        return self._json("GET", _task(task_id, "result"))

    def search(self, task_id: str, words: str, *, limit: int = 20, offset: int = 0) -> Json:
        """Look for words in what a task has left, such as an index: `{"query", "total", "hits", "took_ms"}`.

        A hit has `path, title, score, snippet, marks`. `APIError` 404 when tasks of its type cannot be searched,
        409 when there is no index yet.
        """
        return self._json("GET", _task(task_id, "search"), params={"q": words, "limit": limit, "offset": offset})

    def upload(self, *paths: str | os.PathLike[str]) -> Json:
        """Send files together: `{"id", "folder", "file", "files": [{"name", "file", "bytes"}], "created_at"}`.

        `file` (of each of `files`, the first one's at the top too) is what `bom_file` takes, `folder` what an
        `indexing` task does. They are held in memory while they are sent. `APIError` 413 for too many bytes, 422
        for two files of one name; `OSError` for a file that cannot be read.
        """
        with ExitStack() as opened:
            files = [("file", (Path(path).name, opened.enter_context(Path(path).open("rb")))) for path in paths]
            return self._json("POST", "/api/files", files=files)

    def uploads(self) -> Json:
        """One's own uploads, newest first: `{"uploads": [{"id", "folder", "files", "created_at"}]}`."""
        return self._json("GET", "/api/files")

    def delete_upload(self, upload_id: str) -> None:
        """Remove an upload with all its files; a task that still has to read it will fail."""
        self._request("DELETE", f"/api/files/{quote(upload_id, safe='')}").close()

    def pause(self, task_id: str) -> Json:
        """Ask for a pause; returns the task. It takes effect at the task's next checkpoint."""
        return self._json("POST", _task(task_id, "pause"))

    def resume(self, task_id: str) -> Json:
        """Let a paused task go on; returns the task."""
        return self._json("POST", _task(task_id, "resume"))

    def cancel(self, task_id: str) -> Json:
        """Ask a task to stop; returns the task. `APIError` 409 when it has ended otherwise."""
        return self._json("POST", _task(task_id, "cancel"))

    def retry(self, task_id: str, *, from_checkpoint: bool = False, **edits: Any) -> Json:
        """Run an ended task again: a new task like it, on request from its last checkpoint.

        `edits` are what is to be different: `params` (only those that change; None takes one away),
        `name, tags, priority, max_attempts, timeout_seconds`. `APIError` 422 names each wrong value,
        409 a task that has not ended.
        """
        return self._json("POST", _task(task_id, "retry"), json={"from_checkpoint": from_checkpoint, **edits})

    def submit_batch(
        self, tasks: Sequence[Mapping[str, Any]], name: str = "", *, idempotency_key: str | None = None
    ) -> Json:
        """Submit tasks together, all or none: `{"batch_id", "task_ids" in their order, "refs", …}`.

        Each is a body as `POST /api/tasks` takes it, `{"type", "params", …}`, with a `ref` if others name it:
        in `depends_on`, or as a param, `{"$result": <ref, number in the list or task id>, "path": "a.b"}`.
        `APIError` 422 names each wrong one by its number.
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
        body = {"tasks": [dict(task) for task in tasks], "name": name}
        return self._json("POST", "/api/batches", json=body, headers=headers)

    def get_batch(self, batch_id: str) -> Json:
        """`status, progress_percent, total, counts{by status}`; `list_tasks(batch_id=…)` gives its tasks."""
        return self._json("GET", _path("batches", batch_id))

    def cancel_batch(self, batch_id: str) -> Json:
        """Cancel every task of it that has not ended; returns the batch."""
        return self._json("POST", _path("batches", batch_id, "cancel"))

    def create_schedule(self, task: Mapping[str, Any], **options: Any) -> Json:
        """Submit `task`, a body as `POST /api/tasks` takes it, again and again; returns the schedule.

        `options`: one of `cron` (five fields) and `every_seconds`; `timezone` (IANA, of cron), `name`,
        `missed_runs` (`skip | once | all`), `overlap` (`skip | allow`), `paused`.
        """
        return self._json("POST", "/api/schedules", json={"task": dict(task), **options})

    def list_schedules(self, **filters: Any) -> Json:
        """`{"schedules", "total", "next_cursor"}`, newest first; `limit` up to 200, and `cursor`."""
        return self._json("GET", "/api/schedules", params=filters)

    def get_schedule(self, schedule_id: str) -> Json:
        """The schedule with its `next_run_at`; `list_tasks(schedule_id=…)` gives its tasks."""
        return self._json("GET", _path("schedules", schedule_id))

    def edit_schedule(self, schedule_id: str, **changes: Any) -> Json:
        """Change any field of `create_schedule`, `paused=True` among them; returns the schedule."""
        return self._json("PATCH", _path("schedules", schedule_id), json=changes)

    def delete_schedule(self, schedule_id: str) -> None:
        """Its tasks stay."""
        self._request("DELETE", _path("schedules", schedule_id)).close()

    def report(
        self,
        name: str,
        total: int | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        errors: Errors = "log",
        on_cancel: Callable[[], None] | None = None,
    ) -> Report:
        """A task for work that runs in this process: `with client.report("my job", total=100) as job`.

        See `api.subscriber.report.Report` for what `job` offers. `errors="log"`: whatever becomes of the server,
        the work goes on, and the task is created as soon as it can be; `"raise"`: failures of reporting are raised,
        here and by the methods of `job`. Wrong `params` are refused here in both. `on_cancel` is called from another
        thread once the task has been cancelled: for work that cannot look for itself.
        """
        server = APIClient(self.base_url, self._token)
        return Report(name, total, server, params=params, errors=errors, on_cancel=on_cancel)

    def append_events(self, task_id: str, events: Sequence[Mapping[str, Any]]) -> Json:
        """Report an external task: each of `events` is `{"event_type", "data"}`; all are stored, in order, or none."""
        return self._json("POST", _task(task_id, "events"), json=list(events))

    def heartbeat(self, task_id: str) -> Json:
        """Keep an external task that has nothing to report from counting as stalled; 409 once it has ended."""
        return self._json("POST", _task(task_id, "heartbeat"))

    def events(self, task_id: str, since: int = 0, *, event_type: str | None = None) -> Iterator[Json]:
        """Each stored event after number `since`, of one type if given, in order, read page by page as they are taken.

        An event is `{"task_id", "seq", "event_type", "data", "timestamp"}`. From the start (`since=0`) the
        first is the oldest that the server still keeps. A number from which on some are kept no longer
        raises `ClientError`: what is left would not be all that came after it.
        """
        only = {} if event_type is None else {"event_type": event_type}
        while True:
            page = self._json("GET", _task(task_id, "events"), params={"since": since, "limit": PAGE, **only})
            first = page.get("first_seq", 1)
            if 0 < since < first - 1:
                raise ClientError(f"events {since + 1} to {first - 1} of task {task_id} are not kept any longer")
            yield from page["events"]
            if not page["events"] or page["events"][-1]["seq"] >= page["last_seq"]:
                return
            since = page["events"][-1]["seq"]

    def wait_for_task(self, task_id: str, poll_interval: float = 2.0, timeout: float | None = None) -> Json:
        """Ask every `poll_interval` seconds until the task has ended; returns it, whatever its end.

        `TimeoutError` after `timeout` seconds. A server that is away for less than a minute does not
        end the wait, a longer absence raises `ConnectionLost`.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        heard = time.monotonic()
        while True:
            task = self._poll(task_id, heard)
            if task is not None:
                heard = time.monotonic()
                if task["status"] in TERMINAL:
                    return task
            if deadline is not None and time.monotonic() + poll_interval > deadline:
                raise TimeoutError(f"task {task_id} has not ended after {timeout:g} s")
            time.sleep(poll_interval)

    def _poll(self, task_id: str, heard: float) -> Json | None:
        try:
            return self.get_task(task_id)
        except (ConnectionLost, APIError) as exc:
            brief = time.monotonic() - heard < PATIENCE_SECONDS
            if brief and (isinstance(exc, ConnectionLost) or exc.status in (502, 503, 504)):
                return None
            raise

    def run_optimization(
        self,
        bom_file: str,
        max_iterations: int = 20,
        convergence_threshold: float = 0.01,
        config_path: str | None = None,
        wait: bool = True,
        poll_interval: float = 2.0,
        timeout: float | None = None,
    ) -> Json:
        """Optimise the layout of `bom_file`: what `get_task_result` returns, or with `wait=False` the new task.

        `ClientError` when it failed or was cancelled, `TimeoutError` after `timeout` seconds.
        """
        created = self.create_task(bom_file, max_iterations, convergence_threshold, config_path)
        if not wait:
            return created
        ended = self.wait_for_task(created["task_id"], poll_interval, timeout)
        if ended["status"] != Status.COMPLETED:
            raise ClientError(f"task {ended['task_id']} {ended['status']}: {ended.get('error') or 'no reason given'}")
        return self.get_task_result(created["task_id"])

    def validate_bom(self, bom: str | Mapping[str, Any] | Sequence[Any]) -> Json:
        """Check a BOM, by its path on the server or itself: `{"valid", "num_components", "errors", "components"}`."""
        return self._json("POST", "/api/bom/validate", json={"bom_file" if isinstance(bom, str) else "bom": bom})

    def list_experiments(self) -> Json:
        """Finished optimisations, newest first: `{"experiments": [{"name", "path", "summary"}], "total"}`."""
        return self._json("GET", "/api/experiments")

    def get_latest_experiment(self) -> Json:
        """The newest finished optimisation; `APIError` 404 when there is none."""
        return self._json("GET", "/api/experiments/latest")

    def download_visualization(self, task_id: str, filename: str, output_path: str | os.PathLike[str]) -> Path:
        """Save a picture of a task as `output_path` and return that; an incomplete one is never left there."""
        target = Path(output_path)
        partial = target.with_name(target.name + ".part")
        with self._request("GET", _task(task_id, "visualizations", filename), stream=True) as response:
            try:
                with partial.open("wb") as file:
                    for chunk in response.iter_content(65536):
                        file.write(chunk)
                partial.replace(target)
            except requests.RequestException as exc:
                raise ConnectionLost(f"the download of {filename} broke off: try again") from exc
            finally:
                partial.unlink(missing_ok=True)
        return target

    def _json(self, method: str, path: str, **options: Any) -> Json:
        with self._request(method, path, **options) as response:
            try:
                body = response.json()
            except ValueError:
                body = None
        if not isinstance(body, dict):
            raise APIError(
                response.status_code,
                "Not a Runcast server",
                f"{self.base_url}{path} did not answer with a JSON object",
            )
        return body

    def _request(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            response = self._session.request(method, self.base_url + path, timeout=self._timeout, **options)
        except requests.RequestException as exc:
            raise ConnectionLost(self._advice(exc)) from exc
        if response.ok:
            return response
        with response:
            raise _problem(response)

    def _advice(self, problem: requests.RequestException) -> str:
        if isinstance(problem, requests.Timeout):
            return f"{self.base_url} did not answer in time: it is overloaded, or the address is not right"
        if isinstance(problem, ValueError):  # the library found the URL itself wrong
            return no_address(self.base_url)
        return unreachable(self.base_url, reason_of(problem))


def _task(task_id: str, *rest: str) -> str:
    return _path("tasks", task_id, *rest)


def _path(*parts: str) -> str:
    return "/".join(["/api", *(quote(part, safe="") for part in parts)])


def _problem(response: requests.Response) -> APIError:
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    title = str(problem.get("title") or response.reason or "Error")
    detail = str(problem.get("detail") or problem.get("error") or "the server gave no reason")
    return APIError(response.status_code, title, detail, problem)
