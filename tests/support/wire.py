"""A TCP relay that a test can cut, freeze, take down and bring up again: a network that fails on command."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.support.ports import free_port


@dataclass(eq=False)
class _Pair:
    """The two sockets of one connection; nothing passes while `flowing` is not set."""

    near: socket.socket
    far: socket.socket
    flowing: threading.Event = field(default_factory=threading.Event)

    def close(self) -> None:
        for end in (self.near, self.far):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.flowing.set()


class Wire:
    """Relays `url` to `127.0.0.1:<target_port>`."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self._port = free_port()
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._open: set[_Pair] = set()
        self._frozen = False
        self._lock = threading.Lock()
        self._accepting = self._start_accepting()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def cut(self) -> None:
        """Break every connection; new ones are relayed."""
        with self._lock:
            pairs, self._open = self._open, set()
        for pair in pairs:
            pair.close()

    def freeze(self) -> None:
        """Fall silent: nothing is relayed, refused or closed. New connections are accepted and silent too."""
        with self._lock:
            self._frozen = True
            for pair in self._open:
                pair.flowing.clear()

    def thaw(self, *, forgotten: bool = False) -> None:
        """Relay again, first what was held back.

        With `forgotten` only connections made from now on: what was frozen stays silent, as when a router
        has dropped its state or a laptop wakes up in another network.
        """
        with self._lock:
            self._frozen = False
            for pair in () if forgotten else self._open:
                pair.flowing.set()

    def down(self) -> None:
        """Break every connection and refuse new ones until `up`."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(5)
        self.cut()

    def up(self) -> None:
        """Relay again, on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._accepting = self._start_accepting()

    def _start_accepting(self) -> threading.Thread:
        thread = threading.Thread(target=self._accept, args=(self._listener,), name="wire-accept", daemon=True)
        thread.start()
        return thread

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target_port))
            except OSError:
                return
            pair = _Pair(near, far)
            with self._lock:
                self._open.add(pair)
                if not self._frozen:
                    pair.flowing.set()
            for source, sink in ((near, far), (far, near)):
                arguments = (source, sink, pair.flowing)
                threading.Thread(target=_relay, args=arguments, name="wire-relay", daemon=True).start()


def _relay(source: socket.socket, sink: socket.socket, flowing: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            flowing.wait()
            sink.sendall(data)
    flowing.wait()
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
