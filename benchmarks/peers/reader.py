"""What a replay cannot spare: read envelopes from SQLite page by page, encode, frame and send each.

python -m benchmarks.peers.reader FILE PORT

One thread a client, and no more of the protocol than the load generator asks for.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

PAGE = 200
_SELECT = "SELECT task_id, seq, event_type, data, timestamp FROM events WHERE seq > ? ORDER BY seq LIMIT ?"


def keep(events: Sequence[dict[str, Any]], path: Path) -> None:
    """Write envelopes to a file of their own."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE events (task_id, seq INTEGER PRIMARY KEY, event_type, data, timestamp)")
        connection.executemany(
            "INSERT INTO events VALUES (:task_id, :seq, :event_type, :data, :timestamp)",
            [event | {"data": json.dumps(event["data"], separators=(",", ":"))} for event in events],
        )
        connection.commit()


def serve(client: socket.socket, path: str) -> None:
    with client, closing(sqlite3.connect(path)) as connection:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.recv(4096)
        client.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + framed('0{"sid":"1"}'))
        client.recv(4096)
        client.sendall(framed('40/tasks,{"sid":"1"}'))
        client.recv(4096)
        client.sendall(framed('42/tasks,["subscribed",{}]'))
        cursor = 0
        while rows := connection.execute(_SELECT, (cursor, PAGE)).fetchall():
            client.sendall(b"".join(map(packet, rows)))
            cursor = rows[-1][1]
        client.recv(4096)


def packet(row: tuple[Any, ...]) -> bytes:
    task_id, seq, event_type, data, timestamp = row
    envelope = {
        "task_id": task_id,
        "seq": seq,
        "event_type": event_type,
        "data": json.loads(data),
        "timestamp": timestamp,
    }
    return framed("42/tasks," + json.dumps(["task_update", envelope], separators=(",", ":")))


def framed(text: str) -> bytes:
    payload = text.encode()
    size = len(payload)
    return (bytes([0x81, size]) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")) + payload


def main() -> None:
    path, port = sys.argv[1], int(sys.argv[2])
    with socket.create_server(("127.0.0.1", port), backlog=1024) as listener:
        print("listening", flush=True)
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, path), daemon=True).start()


if __name__ == "__main__":
    main()
