"""The official JavaScript client, in a node process that is told what to do: `tests/js/socketio-clients`."""

from __future__ import annotations

import base64
import itertools
import json
import queue
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

from tests.support.players.base import ANSWER_SECONDS, NAMESPACES, Callback, Player
from tests.support.servers import ROOT
from tests.support.services import node_modules, require

FOLDER = ROOT / "tests" / "js" / "socketio-clients"
VERSIONS = ("4.5.4", "4.8.4")


class JsPlayer(Player):
    def __init__(
        self,
        url: str,
        transports: Sequence[str],
        auth: Any = None,
        *,
        version: str = VERSIONS[-1],
        parser: str = "",
        namespaces: Sequence[str] = NAMESPACES,
    ) -> None:
        super().__init__()
        node_modules(FOLDER)
        self._numbers = itertools.count()
        self._callbacks: dict[int, Callback] = {}
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        script = [
            require("node"),
            str(FOLDER / "client.mjs"),
            version,
            url,
            ",".join(transports),
            json.dumps(auth),
            ",".join(namespaces),
            parser,
        ]
        self._process = subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, name="js-player", daemon=True)
        self._reader.start()
        if refusals := {each for each in (self._answer() for _ in namespaces) if each is not None}:
            self.close()
            raise ConnectionError(str(refusals))

    def transport(self) -> str:
        self._tell({"do": "transport"})
        return str(self._answer())

    def leave(self, namespace: str) -> None:
        self._tell({"do": "leave", "namespace": namespace})

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(ANSWER_SECONDS)
        self._reader.join(ANSWER_SECONDS)
        self._process.stdout.close()

    def _send(self, namespace: str, event: str, args: tuple[Any, ...], callback: Callback | None) -> None:
        number = None
        if callback is not None:
            number = next(self._numbers)
            self._callbacks[number] = callback
        self._tell({"do": "emit", "namespace": namespace, "event": event, "args": args, "ack": number})

    def _tell(self, command: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command, default=_packed) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> Any:
        try:
            return self._answers.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            raise AssertionError("node does not answer") from None

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            match json.loads(line, object_hook=_unpacked):
                case ["heard", namespace, name, args, transport]:
                    self._hear(namespace, name, tuple(args), transport)
                case ["ack", number, args]:
                    self._callbacks.pop(number)(*args)
                case ["gone", namespace]:
                    self._lose(namespace)
                case ["answer", value]:
                    self._answers.put(value)
                case other:
                    raise AssertionError(other)


def _packed(value: Any) -> Any:
    return {"$bytes": base64.b64encode(value).decode()}


def _unpacked(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["$bytes"]) if "$bytes" in value else value
