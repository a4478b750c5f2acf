"""A certificate of its own for each run of the tests, which real clients verify."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.services import require

TRUST = ("REQUESTS_CA_BUNDLE", "WEBSOCKET_CLIENT_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
"""Where requests, websocket-client and node look for whom to trust."""


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path

    @property
    def options(self) -> tuple[str, ...]:
        """As gunicorn, and the servers of the tests, are told."""
        return ("--certfile", str(self.certificate), "--keyfile", str(self.key))


def trusting() -> ssl.SSLContext:
    """For a client that trusts whom the others do."""
    return ssl.create_default_context(cafile=os.environ[TRUST[0]])


@contextmanager
def self_signed(folder: Path) -> Iterator[Certificate]:
    """For 127.0.0.1; clients in this process, and in those that it starts, trust it meanwhile."""
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    name = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-out", str(made.certificate), "-keyout", str(made.key))
    subprocess.run([require("openssl"), "req", *kind, *name, *files], check=True, capture_output=True)
    before = {name: os.environ.get(name) for name in TRUST}
    os.environ.update(dict.fromkeys(TRUST, str(made.certificate)))
    try:
        yield made
    finally:
        for variable, value in before.items():
            os.environ.pop(variable)
            if value is not None:
                os.environ[variable] = value
