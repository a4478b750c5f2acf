"""The limit: an event is encoded and framed once, and its bytes written to each socket.

python -m benchmarks.fanout.servers.plain_server CONTROL_PORT

It knows no more of the protocol than the load generator asks for.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import threading
import time

from benchmarks.fanout.servers.event import NAMESPACE, event
from benchmarks.fanout.servers.orders import Orders


def framed(text: str) -> bytes:
    payload = text.encode()
    size = len(payload)
    return (bytes([0x81, size]) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")) + payload


ANSWERS = (
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + framed('0{"sid":"1"}'),
    framed(f'40{NAMESPACE},{{"sid":"1"}}'),
    framed(f"43{NAMESPACE},0[{{}}]"),
)
clients: dict[int, socket.socket] = {}
answered: dict[int, int] = {}
members: dict[int, socket.socket] = {}


def turn(events: int) -> None:
    packets = [json.dumps(["task_update", event()], separators=(",", ":")) for _ in range(events)]
    data = b"".join(framed(f"42{NAMESPACE},{packet}") for packet in packets)
    for member in list(members.values()):
        member.sendall(data)


def sleep(seconds: float) -> None:
    """There is no loop to turn: of the system's own sleep 0 takes 50 µs."""
    if seconds:
        time.sleep(seconds)


def serve(listener: socket.socket) -> None:
    """Answer what clients say, each message in one piece; after the last answer they are members."""
    epoll = select.epoll()
    epoll.register(listener.fileno(), select.EPOLLIN)
    while True:
        for number, _events in epoll.poll():
            if number == listener.fileno():
                client = listener.accept()[0]
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[client.fileno()], answered[client.fileno()] = client, 0
                epoll.register(client.fileno(), select.EPOLLIN)
            elif not clients[number].recv(4096):
                members.pop(number, None)
                epoll.unregister(number)
                clients.pop(number).close()
            else:
                clients[number].sendall(ANSWERS[answered[number]])
                answered[number] += 1
                if answered[number] == len(ANSWERS):
                    members[number] = clients[number]


if __name__ == "__main__":
    listener, orders = socket.create_server(("127.0.0.1", 0), backlog=4096), Orders(int(sys.argv[1]))
    port = listener.getsockname()[1]
    threading.Thread(target=orders.obey, args=(port, turn, sleep), name="orders", daemon=True).start()
    serve(listener)
