"""Ten thousand announcements a second on a throttled topic, with many listeners, beside the same with nobody."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from benchmarks.figures import Row, row
from benchmarks.gap import largest_gap
from benchmarks.machine import cpu_seconds, on_load_core, on_server_core
from tests.support.events import submit, wait_for_status
from tests.support.servers import ServerProcess, own_server

RATE, SECONDS, LISTENERS = 10_000, 8, 100
COUNT = RATE * SECONDS
LAST = f"line {COUNT - 1}"


def rows(folder: Path, runs: int) -> list[Row]:
    taken = [(_measured(folder / f"many{n}", LISTENERS), _measured(folder / f"nobody{n}", 0)) for n in range(runs)]
    cost, alone = ([1e6 * side["cpu"] / COUNT for side in sides] for sides in zip(*taken, strict=True))
    gaps, quiet = ([side["gap"] for side in sides] for sides in zip(*taken, strict=True))
    rates = [many["messages"] / SECONDS for many, _ in taken]
    about = f"{RATE:,} announcements a second of `logs` by a task, {LISTENERS} listeners"
    return [
        row(f"{about}: CPU of the server for each", cost, "µs", alone),
        row(f"{about}: messages a second to each listener", rates, "1/s"),
        row(f"{about}: largest gap of the hub", gaps, "ms", quiet),
    ]


def _measured(folder: Path, listeners: int) -> dict[str, float]:
    with ServerProcess(folder, command=lambda port: on_server_core(own_server(port))) as server, on_load_core():
        return asyncio.run(_listened(server, listeners))


async def _listened(server: ServerProcess, count: int) -> dict[str, float]:
    """What it cost, and what each listener heard; every announcement is counted by each, else it fails."""
    address = server.url.replace("http", "ws") + "/ws/realtime"
    opened = [await connect(address, max_size=None, ping_interval=None) for _ in range(count)]
    for each in opened:
        await each.send(json.dumps({"action": "unsubscribe", "topic": "stats"}))
        await each.send(json.dumps({"action": "subscribe", "topic": "logs"}))
    before = cpu_seconds(server.pid)
    task = await asyncio.to_thread(submit, server.url, "test-announce", {"count": COUNT, "rate": RATE})
    heard = await asyncio.gather(*map(_hear, opened))
    await asyncio.to_thread(wait_for_status, server.url, task, "completed", timeout=120)
    spent = cpu_seconds(server.pid) - before
    for each in opened:
        await each.close()
    if wrong := [counted for counted, _ in heard if counted != COUNT]:
        raise AssertionError(f"{len(wrong)} listeners have counted {wrong[0]:,} announcements and not {COUNT:,}")
    return {
        "cpu": spent,
        "gap": await asyncio.to_thread(largest_gap, server),
        "messages": sum(messages for _, messages in heard) / max(count, 1),
    }


async def _hear(opened: ClientConnection) -> tuple[int, int]:
    """(announcements of the task that the messages stand for, messages)"""
    counted = messages = 0
    while True:
        message: dict[str, Any] = json.loads(await asyncio.wait_for(opened.recv(), 120))
        items = message.get("items", [message])
        if items[-1].get("module") != "test-announce":
            continue
        counted += message.get("count", 1)
        messages += 1
        if items[-1]["message"] == LAST:
            return counted, messages
