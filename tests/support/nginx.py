"""A real nginx with the shipped nginx.conf, on ports and in a folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import requests

from tests.support.ports import free_port
from tests.support.servers import ROOT, STOP_SECONDS
from tests.support.services import require
from tests.support.waiting import wait_until

SHIPPED = ROOT / "nginx.conf"


class NginxProcess:
    """Runs in the foreground as our child; the system's nginx is not touched."""

    def __init__(self, folder: Path, upstream_port: int, *, read_timeout: str = "") -> None:
        """`read_timeout`: a shorter one than shipped for connections that stand, as "2s"."""
        self.program = require("nginx")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "nginx.log"
        self._folder = folder
        self._configuration = folder / "nginx.conf"
        text = adapted(folder, self.port, upstream_port)
        self._configuration.write_text(with_read_timeout(text, read_timeout) if read_timeout else text)

    def __enter__(self) -> NginxProcess:
        user = " user root;" if os.geteuid() == 0 else ""  # else its workers may not read the checkout
        command = [self.program, "-p", str(self._folder), "-c", str(self._configuration), "-g", f"daemon off;{user}"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, 10, lambda: f"nginx did not come up:\n{self.log_text()}")
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait(STOP_SECONDS)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.log_text()
        try:
            return requests.get(f"{self.url}/static/favicon.svg", timeout=2).ok
        except requests.RequestException:
            return False


def adapted(folder: Path, port: int, upstream_port: int) -> str:
    """The shipped file with the lines changed that it asks to change, and its pid file."""
    text = SHIPPED.read_text()
    changes = {
        "server 127.0.0.1:5000;": f"server 127.0.0.1:{upstream_port};",
        "listen 127.0.0.1:8080;": f"listen 127.0.0.1:{port};",
        "root .;": f"root {ROOT};",
        "pid /tmp/runcast-nginx.pid;": f"pid {folder / 'nginx.pid'};",
    }
    for shipped, ours in changes.items():
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, ours)
    return text


def with_read_timeout(text: str, read_timeout: str) -> str:
    changed, n = re.subn(r"proxy_read_timeout \S+;", f"proxy_read_timeout {read_timeout};", text)
    assert n, "nginx.conf sets none"
    return changed
