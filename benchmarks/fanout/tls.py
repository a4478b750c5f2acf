"""`python -m benchmarks.fanout.tls`: memory of an idle connection over TLS, on eventlet.

As `memory` of the fan-out's benchmark, with TLS 1.3 and a self-signed certificate: `RssAnon` of the server, which has
OpenSSL's part in it, garbage collected, before and after so many connections that have entered the namespace.
"""

from __future__ import annotations

import argparse
import socket
import ssl
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import websocket

from benchmarks.fanout.run import FIRST, QUIET, settle
from benchmarks.fanout.server import Server, started
from benchmarks.fanout.servers.event import NAMESPACE
from benchmarks.fanout.sides import SIDES
from benchmarks.machine import anonymous
from tests.support.certificates import Certificate, self_signed, trusting

NAMES = ("fanout", "flask")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fanout.tls", description=__doc__)
    parser.add_argument("--idle", type=int, default=500, help="connections (default 500)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each side, by turns (default 3)")
    options = parser.parse_args(arguments)
    taken: dict[str, list[float]] = {name: [] for name in NAMES}
    with tempfile.TemporaryDirectory() as folder, self_signed(Path(folder)) as certificate:
        for _ in range(options.runs):
            for name in NAMES:
                taken[name].append(memory(name, certificate, options.idle))
    for name, figures in taken.items():
        median, least, most = statistics.median(figures), min(figures), max(figures)
        print(f"{SIDES[name].label}: {median:.1f} KiB ({least:.1f} to {most:.1f}) of {len(figures)} runs")


def memory(name: str, certificate: Certificate, idle: int) -> float:
    """KiB of one connection."""
    with started([*SIDES[name].command, *certificate.options]) as server, ExitStack() as connections:
        before = _with(server, FIRST, connections)
        return (_with(server, idle, connections) - before) / idle / 1024


def _with(server: Server, count: int, connections: ExitStack) -> int:
    """Bytes of the server with so many more."""
    context = trusting()
    for _ in range(count):
        connections.enter_context(closing(_entered(server.port, context)))
    settle(server, time.sleep)
    server.control.ask("collect", QUIET)
    return anonymous(server.pid)


def _entered(port: int, context: ssl.SSLContext) -> websocket.WebSocket:
    nodelay = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    address = f"wss://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
    entered = websocket.create_connection(address, timeout=10, sslopt={"context": context}, sockopt=nodelay)
    entered.recv()
    entered.send(f"40{NAMESPACE},")
    entered.recv()
    return entered


if __name__ == "__main__":
    main()
