"""The addresses of the plain WebSockets: WSGI middleware, as their connections outlive the request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from api.access.principals import current_principal
from api.delivery.dialects import training as training_dialect
from api.delivery.everything import Everything
from api.delivery.topics.hub import Topics
from api.delivery.websocket.connection import POLICY_VIOLATION, TRY_AGAIN_LATER, Connection, Delivery, Refused
from api.delivery.websocket.realtime import RealtimeConnection
from api.delivery.websocket.replay import replay_of
from api.delivery.websocket.task import TaskConnection
from api.delivery.websocket.training import AllJobsConnection, JobConnection, course_of, jobs_of
from api.errors import Forbidden, NotFound, RuncastError
from api.fanout.plain import PlainSockets, problem

_TASK = re.compile(r"/ws/task/([^/]+)")
_JOB = re.compile(r"/ws/training/([^/]+)")
ALL_JOBS = "/ws/training/all"
REALTIME = ("/ws/realtime", "/api/ws/realtime")
MAX_SEQ = 2**53
Opener = Callable[[dict[str, Any]], Connection]


class WebSockets:
    """Passes every request on to `app` that is not for one of its addresses."""

    def __init__(
        self, app: Any, sockets: PlainSockets, parts: Delivery, everything: Everything, topics: Topics
    ) -> None:
        self._app = app
        self._sockets = sockets
        self._parts = parts
        self._everything = everything
        self._topics = topics

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        opener = self._opener(environ["PATH_INFO"])
        if opener is None:
            passed: Iterable[bytes] = self._app(environ, start_response)
            return passed
        wrong = problem(environ)
        if wrong is not None:
            return _upgrade_required(start_response, wrong)
        opened: Iterable[bytes] = self._sockets.accept(environ, self._connection(opener, environ))
        return opened

    def _opener(self, path: str) -> Opener | None:
        if path == ALL_JOBS:
            return lambda environ: self._all_jobs()
        if path in REALTIME:
            return lambda environ: RealtimeConnection(self._parts, current_principal(), self._topics)
        for pattern, opener in ((_TASK, self._task), (_JOB, self._job)):
            if found := pattern.fullmatch(path):
                return partial(opener, found[1])
        return None

    def _connection(self, opener: Opener, environ: dict[str, Any]) -> Connection:
        try:
            return opener(environ)
        except (NotFound, Forbidden, _Wrong) as error:
            return Refused(self._parts, POLICY_VIOLATION, error.message[:100])
        except RuncastError as error:
            return Refused(self._parts, TRY_AGAIN_LATER, error.message[:100])

    def _task(self, task_id: str, environ: dict[str, Any]) -> Connection:
        principal = current_principal()
        history = self._parts.queries.present(principal, task_id)
        replay = replay_of(self._parts.queries, principal, history, _since(environ))
        return TaskConnection(self._parts, principal, history, replay)

    def _job(self, job_id: str, environ: dict[str, Any]) -> Connection:
        principal = current_principal()
        history = self._parts.queries.present(principal, job_id)
        if history.task.type != training_dialect.TYPE:
            raise NotFound()
        queries, task = self._parts.queries, history.task
        replay = replay_of(queries, principal, history, _since(environ))
        if replay is not None:
            replay = replace(replay, course=course_of(queries, principal, task, replay.course, replay.since))
        return JobConnection(self._parts, principal, history, course_of(queries, principal, task), replay)

    def _all_jobs(self) -> Connection:
        principal = current_principal()
        return AllJobsConnection(self._parts, principal, jobs_of(self._parts.queries, principal), self._everything)


class _Wrong(RuncastError):
    code = "invalid"


def _since(environ: dict[str, Any]) -> int | None:
    text = parse_qs(environ.get("QUERY_STRING", "")).get("since", [None])[-1]
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) < MAX_SEQ):
        raise _Wrong("since must be a whole number of at least 0")
    return int(text)


def _upgrade_required(start_response: Any, detail: str) -> Iterable[bytes]:
    body = json.dumps(
        {
            "type": "urn:runcast:problem:upgrade_required",
            "title": "Upgrade Required",
            "status": 426,
            "detail": detail,
            "error": detail,
        }
    ).encode()
    headers = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(body))),
        ("Upgrade", "websocket"),
    ]
    start_response("426 Upgrade Required", headers)
    return [body]
