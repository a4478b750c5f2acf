"""One Socket.IO connection that is kept up: connect, notice its loss, back off, connect again.

It knows nothing of tasks. python-socketio's own reconnection is not used: when the server dies in the
middle of a handshake its client stays "connected" with no one reading, and never tries again. So each
try gets a fresh `Connection`.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Protocol

import requests

from api.domain.cursor import backoff
from api.errors import ConnectionLost
from api.subscriber.advice import no_address, reason_of, unreachable
from api.subscriber.connection import HANDSHAKE_SECONDS, JSON, MSGPACK, Connection
from api.subscriber.subscriptions import accepted

logger = logging.getLogger("runcast.client")

ANSWER_SECONDS = 10.0
STEADY_SECONDS = 2.0
"""A connection that lasted this long counts as a success: after its loss the back-off starts anew."""
WATCH_SECONDS = 5.0
"""How often a standing connection is looked after."""
ASLEEP_SECONDS = 5.0
"""A look that comes so late means that this process, or the machine, was suspended."""
PROBE_SECONDS = 5.0
REACH_SECONDS = 1.0
"""How long a server that has just failed to answer is tried to be reached, to ask how it speaks."""
NO_TASK = "-"
"""Unsubscribing from it changes nothing and is acknowledged: so a server shows that it is there."""


class Listener(Protocol):
    """What a link tells its owner."""

    def link_up(self, connection: Connection) -> None:
        """A connection stands. Called on the link's own thread: it must not wait for the server."""

    def link_stuck(self) -> bool:
        """Whether the server owes an answer for so long that another connection should be tried."""

    def link_down(self, reason: str, next_try: float) -> None:
        """The connection is lost, or a try has failed; the next one follows in `next_try` seconds."""

    def link_event(self, connection: Connection, event: str, data: Any) -> None:
        """The server has sent `event`. Called in the order of sending, on one thread per connection."""


class Link:
    """Keeps one namespace connected, from `open` to `close`, for as long as it takes."""

    def __init__(self, url: str, namespace: str, token: str | None, listener: Listener) -> None:
        self.url, self.namespace, self.token = url, namespace, token
        self.connection = Connection()
        self._serializer = JSON
        self._listener = listener
        self._up = threading.Event()
        self._closing = threading.Event()
        self._reason = "no answer"
        self._refusal = ""
        self._thread: threading.Thread | None = None

    @property
    def opened(self) -> bool:
        return self._thread is not None and not self._closing.is_set()

    def open(self, timeout: float | None) -> None:
        """Connect, and stay connected. `ConnectionLost` when that has not happened in `timeout` seconds."""
        if not self.url.startswith(("http://", "https://")):
            raise ConnectionLost(no_address(self.url))
        if not self.opened:
            self._closing.clear()
            self._thread = threading.Thread(target=self._run, name="runcast-link", daemon=True)
            self._thread.start()
        if not self._up.wait(timeout):
            self.close()
            raise ConnectionLost(unreachable(self.url, self._reason))

    def close(self, timeout: float = 5.0) -> None:
        """Say goodbye and end the threads. From any thread, as often as one likes."""
        self._closing.set()
        if self._up.is_set():
            threading.Thread(target=self.connection.disconnect, name="runcast-goodbye", daemon=True).start()
            self.connection.lost.wait(timeout)
        self.connection.drop()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        self._thread = None

    def ask(self, event: str, data: Mapping[str, Any], timeout: float = ANSWER_SECONDS) -> dict[str, Any]:
        """Emit `event` when connected and return the server's acknowledgement.

        `APIError` when the server says no. `ConnectionLost` when it has not answered before the
        connection was lost or `timeout` seconds had passed: it may or may not have heard.
        """
        deadline = time.monotonic() + timeout
        if not self._up.wait(timeout):
            raise ConnectionLost(unreachable(self.url, self._reason))
        connection = self.connection
        try:
            answer = connection.ask(event, data, self.namespace, max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            self._reason = f"no answer to {event!r}"
            connection.drop()
            raise ConnectionLost(f"{self.url} did not answer {event!r} within {timeout:g} s") from None
        if answer is None:
            raise ConnectionLost(f"the connection to {self.url} was lost before it answered {event!r}")
        return accepted(answer[0] if answer else None)

    def _run(self) -> None:
        attempt = 0
        while not self._closing.is_set():
            steady = self._connect() and self._live()
            attempt = 0 if steady else attempt + 1
            self._pause(backoff(max(0, attempt - 1), random.random()))

    def _live(self) -> bool:
        """Stay until the connection is lost; whether it had lasted."""
        since = time.monotonic()
        self._up.set()
        self._listener.link_up(self.connection)
        while self._stands():
            continue
        self._up.clear()
        self.connection.drop()
        return time.monotonic() - since > STEADY_SECONDS

    def _stands(self) -> bool:
        """Whether the connection is still worth keeping after `WATCH_SECONDS`; no as soon as it is lost."""
        looked_at = time.time()
        if self.connection.lost.wait(WATCH_SECONDS):
            return False
        asleep = time.time() - looked_at - WATCH_SECONDS > ASLEEP_SECONDS
        if self._listener.link_stuck() or (asleep and not self._answers()):
            self._reason = "the server did not answer"
            return False
        return True

    def _answers(self) -> bool:
        """Whether the connection has survived a suspension: the network in between may have forgotten it.

        The missed pings would tell too, but only after another three quarters of a minute.
        """
        try:
            return self.connection.ask("unsubscribe", {"task_id": NO_TASK}, self.namespace, PROBE_SECONDS) is not None
        except queue.Empty:
            return False

    def _pause(self, seconds: float) -> None:
        if not self._closing.is_set():
            self._listener.link_down(self._reason, seconds)
            self._closing.wait(seconds)

    def _connect(self) -> bool:
        """Whether a connection stands. A server that speaks otherwise than last time is spoken to so at once."""
        return self._try() or (self._speaks_otherwise() and self._try())

    def _speaks_otherwise(self) -> bool:
        said = None if self._closing.is_set() else serializer_of(self.url)
        if said is None or said == self._serializer:
            return False
        if said == MSGPACK and find_spec("msgpack") is None:
            self._reason = "the server speaks msgpack (RUNCAST_SERIALIZER): pip install msgpack"
            return False
        self._serializer = said
        return True

    def _try(self) -> bool:
        connection = self.connection = self._fresh()
        self._refusal = ""
        try:
            connection.connect(
                self.url,
                transports=["websocket"] if self._serializer == MSGPACK else None,
                namespaces=[self.namespace],
                auth={"token": self.token} if self.token else None,
                wait_timeout=HANDSHAKE_SECONDS,
            )
        # The library lets IndexError, KeyError and others through when the server dies in mid-handshake.
        # Whichever it is, this try has failed and the next one starts from scratch.
        except Exception as exc:  # noqa: BLE001 - see above
            self._reason = self._refusal or reason_of(exc)
            connection.drop()
            return False
        self._reason = "the connection was lost"
        if connection.lost.is_set() or self._closing.is_set():
            connection.drop()
            return False
        return True

    def _fresh(self) -> Connection:
        connection = Connection(self._serializer)
        connection.on(
            "*",
            lambda event, data=None: self._listener.link_event(connection, event, data),
            namespace=self.namespace,
        )
        connection.on("connect_error", self._refused, namespace=self.namespace)
        return connection

    def _refused(self, problem: Any = None) -> None:
        """The server, not the network, said no: its words are the reason to show."""
        if isinstance(problem, dict):
            said = problem.get("message") or problem.get("detail") or problem.get("error")
            self._refusal = f"refused: {reason_of(said)}"


def serializer_of(url: str) -> str | None:
    """How the server writes its messages, if it says so."""
    try:
        answer = requests.get(f"{url}/api/health", timeout=(REACH_SECONDS, HANDSHAKE_SECONDS)).json()
    except (requests.RequestException, ValueError):
        return None
    said = answer.get("serializer") if isinstance(answer, dict) else None
    return said if said in (JSON, MSGPACK) else None
