"""A Socket.IO namespace that answers every event: to an acknowledgement, and by an `error` when it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request

from api import metrics
from api.errors import RuncastError
from api.fanout import SocketIO
from api.fanout.bucket import Bucket, Verdict
from api.log import get_logger

_log = get_logger(__name__)
Answer = dict[str, Any]


BURST, PER_SECOND, SURPLUS = 3000, 300.0, 1000
"""Events that a connection may send at once, and each second after that; refused ones before it is closed."""


class AnsweringNamespace:
    name: str

    def __init__(self, socketio: SocketIO) -> None:
        self._socketio = socketio
        self._buckets: dict[str, Bucket] = {}

    def disconnect(self, reason: Any = None) -> None:
        """A connection of the namespace has ended."""
        self._buckets.pop(sid(), None)

    def _answer_to(self, *names: str) -> None:
        """Each of these events by the method of its name, and all others as unknown."""
        for name in names:
            self._socketio.on_event(name, self._answered(getattr(self, name)), namespace=self.name)
        self._socketio.on_event("*", self._answered(self._unknown, with_name=True), namespace=self.name)

    def _unknown(self, name: str, *data: Any) -> Answer:
        raise _Unknown(f"there is no event {str(name)[:50]!r} in {self.name}")

    def _about(self, data: Any) -> Answer:
        """What of the refused message its `error` repeats."""
        return {}

    def _send(self, name: str, message: Answer) -> None:
        self._socketio.emit(name, message, namespace=self.name, to=sid())

    def _answered(self, handler: Callable[..., Answer], *, with_name: bool = False) -> Callable[..., Answer]:
        """`handler` with its result as acknowledgement, and its errors as an `error` event and one."""

        def answer(*data: Any) -> Answer:
            if not self._affordable():
                return self._refuse("too_many", "too many events: this one was not obeyed", data)
            try:
                arguments = data if with_name else (data[0] if data else None,)
                return {"ok": True, **handler(*arguments)}
            except RuncastError as error:
                return self._refuse(error.code, error.message, data)
            except Exception:  # noqa: BLE001  a bug of ours: the client hears that, the log hears what
                metrics.failure("socketio_handler")
                _log.exception("handler_failed", handler=getattr(handler, "__name__", "?"))
                return self._refuse("internal", "the server made an error; it has been logged", data)

        return answer

    def _affordable(self) -> bool:
        """Whether the event may be obeyed; a connection that sends far too many is closed."""
        bucket = self._buckets.get(sid())
        if bucket is None:
            bucket = self._buckets[sid()] = Bucket(BURST, PER_SECOND, SURPLUS)
        verdict = bucket.take()
        if verdict is Verdict.OVER:
            _log.warning("connection_closed", reason="it sends too many events", namespace=self.name)
            metrics.failure("socketio_flood")
            self._socketio.close(sid(), self.name)
        return verdict is Verdict.FINE

    def _refuse(self, code: str, message: str, data: tuple[Any, ...]) -> Answer:
        error = {"message": message, "code": code, **self._about(data[0] if data else None)}
        self._send("error", error)
        return {"ok": False, **error}


class _Unknown(RuncastError):
    code = "unknown_event"


def sid() -> str:
    """Of the connection whose event is handled."""
    return str(request.sid)  # type: ignore[attr-defined]  # Flask-SocketIO adds it to the request
