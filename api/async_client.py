"""Live events of tasks for asyncio: `async for event in client.watch(task_id)`.

    async with AsyncTaskClient("http://localhost:5000") as client:
        async for event in client.watch(task_id, since=0):
            print(event["seq"], event["event_type"], event["data"])

It is `TaskWebSocketClient` on a thread of its own, handing over to the event loop: the same promises
across lost connections, and nothing more to install.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self

from api.domain.cursor import end_of
from api.errors import ClientError
from api.subscriber.subscriptions import EVERY_TASK, worst
from api.subscriber.task_client import Callback, TaskWebSocketClient

logger = logging.getLogger("runcast.client")

Json = dict[str, Any]


class AsyncTaskClient:
    """`TaskWebSocketClient` for asyncio, with the same callbacks: functions or coroutine functions.

    They run on the event loop that `connect` was awaited on, one at a time and in order.
    """

    def __init__(self, server_url: str = "http://localhost:5000", token: str | None = None) -> None:
        self.on_status_change: Callback | None = None
        self.on_progress: Callback | None = None
        self.on_iteration_complete: Callback | None = None
        self.on_log: Callback | None = None
        self.on_error: Callback | None = None
        self.on_event: Callback | None = None
        self.on_lagged: Callback | None = None
        self.on_reset: Callback | None = None
        self.on_refused: Callable[[str, ClientError], object] | None = None
        self.on_connection_change: Callable[[str, str], object] | None = None
        self._client = TaskWebSocketClient(server_url, token)
        self._client.on_event = self._hand_over("event")
        self._client.on_lagged = self._hand_over("lagged")
        self._client.on_reset = self._hand_over("reset")
        self._client.on_refused = self._hand_over("refused")
        self._client.on_connection_change = self._hand_over("connection")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inbox: asyncio.Queue[tuple[str, str, Any]] = asyncio.Queue()
        self._consumer: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._goodbyes = 0
        self._followed: set[str] = set()
        self._ended: dict[str, str] = {}
        self._refused: dict[str, ClientError] = {}
        self._watchers: dict[str, asyncio.Queue[Json | ClientError]] = {}

    @property
    def server_url(self) -> str:
        return self._client.server_url

    @property
    def connected(self) -> bool:
        return self._client.connected

    @property
    def statuses(self) -> dict[str, str]:
        """The terminal status of each task that has ended."""
        return dict(self._ended)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def connect(self, timeout: float | None = 10.0) -> None:  # noqa: ASYNC109 - as its synchronous twin
        """Connect, and stay connected until `disconnect`; `ConnectionLost` as in `TaskWebSocketClient`."""
        self._loop = asyncio.get_running_loop()
        if self._consumer is None:
            self._consumer = self._loop.create_task(self._consume(), name="runcast-consume")
        try:
            await asyncio.to_thread(self._client.connect, timeout)
        except BaseException:  # a cancellation too: no thread may be left behind
            await self.disconnect()
            raise

    async def disconnect(self) -> None:
        """Close the connection; who still watches or waits gets a `ClientError`. The tasks go on."""
        await asyncio.to_thread(self._client.disconnect)
        consumer, self._consumer = self._consumer, None
        if consumer is not None and consumer is not asyncio.current_task():
            consumer.cancel()
            await asyncio.wait([consumer])
        for task_id, news in self._watchers.items():
            news.put_nowait(ClientError(f"disconnected before the end of {task_id}"))
        async with self._changed:
            self._goodbyes += 1
            self._changed.notify_all()

    async def subscribe(self, task_id: str, since: int | None = None) -> Json:
        """Follow `task_id`: see `TaskWebSocketClient.subscribe`."""
        self._ended.pop(task_id, None)
        self._refused.pop(task_id, None)
        answer = await asyncio.to_thread(self._client.subscribe, task_id, since)
        self._followed.add(task_id)
        return answer

    async def unsubscribe(self, task_id: str) -> None:
        """Stop following `task_id`."""
        self._followed.discard(task_id)
        await asyncio.to_thread(self._client.unsubscribe, task_id)

    async def control(self, task_id: str, action: str) -> Json:
        """Ask for `pause`, `resume`, `cancel`, `stop` or `retry`: see `TaskWebSocketClient.control`."""
        return await asyncio.to_thread(self._client.control, task_id, action)

    async def wait_for_completion(self, timeout: float | None = None) -> str:  # noqa: ASYNC109 - likewise
        """The worst terminal status of the subscribed tasks, when all have ended and all callbacks have run.

        `TimeoutError` after `timeout` seconds, `ClientError` when one can't be followed any more or when
        `disconnect` is called meanwhile.
        """
        goodbyes = self._goodbyes
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: self._refused or self._all_ended() or self._goodbyes > goodbyes)
        for refusal in self._refused.values():
            raise refusal
        if not self._all_ended():
            raise ClientError("disconnected before every task had ended")
        return worst(self._ended.values())

    def _all_ended(self) -> bool:
        return bool(self._ended) and self._followed - {EVERY_TASK} <= self._ended.keys()

    async def watch(self, task_id: str, since: int | None = None) -> AsyncIterator[Json]:
        """Each event of `task_id` as its envelope, up to and with its last one; of `"*"` without end.

        A lost connection is waited out. `APIError` for an unknown task; `ClientError` when it can't be
        followed any more, is being watched by this client already, or when `disconnect` is called.
        """
        if task_id in self._watchers:
            raise ClientError(f"{task_id} is being watched by this client already")
        news = self._watchers[task_id] = asyncio.Queue()
        try:
            await self.subscribe(task_id, since)
            ended = None
            while ended is None:
                event = await news.get()
                if isinstance(event, ClientError):
                    raise event
                ended = None if task_id == EVERY_TASK else end_of(event)
                yield event
        finally:
            del self._watchers[task_id]
            if task_id not in self._ended and task_id in self._followed:
                with contextlib.suppress(ClientError):
                    await self.unsubscribe(task_id)

    def _hand_over(self, kind: str) -> Callable[[str, Any], None]:
        """A callback for the thread's side that takes its arguments to the loop's side."""

        def from_thread(subject: str, what: Any) -> None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._inbox.put_nowait, (kind, subject, what))

        return from_thread

    async def _consume(self) -> None:
        while self._consumer is asyncio.current_task():  # until a callback disconnects
            kind, subject, what = await self._inbox.get()
            if kind == "event":
                await self._event(subject, what)
            else:
                await self._word(kind, subject, what)
            async with self._changed:
                self._changed.notify_all()

    async def _word(self, kind: str, subject: str, what: Any) -> None:
        """Whatever the thread tells that is no event."""
        if kind == "refused":
            self._refused[subject] = what
            self._pass_on(subject, what)
        callbacks: dict[str, Callable[..., object] | None] = {
            "connection": self.on_connection_change,
            "lagged": self.on_lagged,
            "reset": self.on_reset,
            "refused": self.on_refused,
        }
        await self._call(callbacks[kind], subject, what)

    async def _event(self, task_id: str, envelope: Json) -> None:
        self._pass_on(task_id, envelope)
        self._pass_on(EVERY_TASK, envelope)
        await self._call(self.on_event, task_id, envelope)
        await self._call(self._callback_of(envelope.get("event_type")), task_id, envelope.get("data") or {})
        status = end_of(envelope)
        if status is not None and (task_id in self._followed or EVERY_TASK not in self._followed):
            self._ended[task_id] = status

    def _pass_on(self, task_id: str, what: Json | ClientError) -> None:
        if task_id in self._watchers:
            self._watchers[task_id].put_nowait(what)

    def _callback_of(self, event_type: Any) -> Callback | None:
        return {
            "status_change": self.on_status_change,
            "progress": self.on_progress,
            "iteration_complete": self.on_iteration_complete,
            "log": self.on_log,
            "error": self.on_error,
        }.get(event_type)

    async def _call(self, callback: Callable[..., object] | None, *args: Any) -> None:
        if callback is None:
            return
        try:
            result = callback(*args)
            if inspect.isawaitable(result):
                await result
        except (Exception, asyncio.CancelledError):  # whatever a callback does, the stream goes on
            if (consumer := asyncio.current_task()) is not None and consumer.cancelling():
                raise
            logger.exception("a callback raised", extra={"action": "callback"})
