"""A receiver of webhooks: a real HTTP server that keeps what it is sent and answers as it is told."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
from dataclasses import dataclass
from http.server import (  # not by `http.server.`: eventlet puts its own there
    BaseHTTPRequestHandler,
    ThreadingHTTPServer,
)
from typing import Any

from tests.support.certificates import Certificate
from tests.support.ports import free_port

Json = dict[str, Any]


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    """By their names in small letters."""
    raw: bytes

    @property
    def body(self) -> Json:
        known: Json = json.loads(self.raw)
        return known

    def signed_with(self, secret: str) -> bool:
        """As `docs/how-to/alert-on-a-task.md` says how to verify it."""
        signed = self.headers["x-runcast-timestamp"].encode() + b"." + self.raw
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(self.headers["x-runcast-signature"], f"sha256={expected}")


class Receiver:
    """Listens while it is entered; again on the same port when it is entered again."""

    def __init__(self, certificate: Certificate | None = None) -> None:
        self.port = free_port()
        self.received: list[Received] = []
        self.status = 204
        self.headers: dict[str, str] = {}
        self.hold: threading.Event | None = None
        """Answers wait until it is set."""
        self._certificate = certificate
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self._certificate else 'http'}://127.0.0.1:{self.port}/hook?a=1"

    def __enter__(self) -> Receiver:
        server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        server.daemon_threads = True
        if self._certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate.certificate, self._certificate.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.05,), name="receiver", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def about(self, rule_id: str) -> list[Received]:
        return [each for each in list(self.received) if each.body["rule"]["id"] == rule_id]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name that the library calls
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append(Received(self.path, headers, raw))
                if receiver.hold is not None:
                    receiver.hold.wait(60)
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """What was received is kept, not printed."""

        return Handler
