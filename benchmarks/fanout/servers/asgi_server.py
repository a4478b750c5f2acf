"""python-socketio's asyncio server on uvicorn.

python -m benchmarks.fanout.servers.asgi_server CONTROL_PORT
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import time
from typing import Any

import socketio
import uvicorn

from benchmarks.fanout.servers.event import NAMESPACE, PINGS, event

sio = socketio.AsyncServer(async_mode="asgi", transports=["websocket"], **PINGS)


@sio.on("join", namespace=NAMESPACE)
async def join(sid: str, data: dict[str, Any]) -> dict[str, Any]:
    await sio.enter_room(sid, "all", namespace=NAMESPACE)
    return {}


async def obey(control: int, port: int) -> None:
    """See `benchmarks.fanout.servers`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", control)
    writer.write(f"ready {port}\n".encode())
    while line := await reader.readline():
        verb, *words = line.decode().split()
        if verb == "run":
            turns = await run(reader, int(words[0]), float(words[1]), float(words[2]), int(words[3]))
            writer.write(f"done {turns}\n".encode())
        elif verb == "collect":
            gc.collect()
            writer.write(b"done 0\n")
    os._exit(0)


async def run(reader: asyncio.StreamReader, per_turn: int, rate: float, seconds: float, credit: int) -> int:
    begun, turns = time.monotonic(), 0
    while time.monotonic() < begun + seconds:
        while not credit:
            line = await reader.readline()
            if not line:
                os._exit(0)
            credit += int(line.removeprefix(b"credit "))
        credit -= 1
        for _ in range(per_turn):
            await sio.emit("task_update", event(), namespace=NAMESPACE, to="all")
        turns += 1
        await asyncio.sleep(max(0.0, begun + turns / rate - time.monotonic()) if rate else 0)
    return turns


async def main(config: uvicorn.Config, listener: socket.socket, control: int) -> None:
    orders = asyncio.create_task(obey(control, listener.getsockname()[1]))
    await uvicorn.Server(config).serve(sockets=[listener])
    orders.cancel()


if __name__ == "__main__":
    config = uvicorn.Config(
        socketio.ASGIApp(sio),
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws_per_message_deflate=False,
        ws_ping_interval=None,  # Engine.IO has pings of its own
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(main(config, socket.create_server(("127.0.0.1", 0), backlog=4096), int(sys.argv[1])))
