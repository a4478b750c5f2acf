"""The asyncio client against a scripted server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from api.errors import APIError, ClientError, ConnectionLost
from api.websocket_client import AsyncTaskClient
from tests.support.ports import free_port
from tests.support.scripted_server import ScriptedServer
from tests.support.waiting import client_threads, wait_until
from tests.support.wire import Wire

Json = dict[str, Any]
RUNNING = ("status_change", {"status": "running"})
COMPLETED = ("status_change", {"status": "completed"})


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


def run(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run an async test body, and see that it left no thread behind."""
    asyncio.run(asyncio.wait_for(body(), 30))
    wait_until(lambda: not client_threads())


def test_watch_yields_each_event_up_to_the_last(server: ScriptedServer) -> None:
    async def body() -> None:
        task = server.task(RUNNING, *[("log", {"message": "x"})] * 9, COMPLETED)
        async with AsyncTaskClient(server.url) as client:
            assert server.events[task] == [event async for event in client.watch(task, since=0)]
            assert "completed" == await client.wait_for_completion(5)

    run(body)


def test_watch_survives_a_lost_connection(server: ScriptedServer) -> None:
    async def body() -> None:
        task, seqs = server.task(RUNNING), []
        with Wire(server.port) as wire:
            async with AsyncTaskClient(wire.url) as client:
                async for event in client.watch(task, since=0):
                    seqs.append(event["seq"])
                    if event["seq"] in (1, 20):
                        await asyncio.to_thread(feed_and_cut, wire, task)
        assert list(range(1, 42)) == seqs

    def feed_and_cut(wire: Wire, task: str) -> None:
        for n in range(19):
            server.append(task, "progress", {"n": n})
        wire.cut()
        server.append(task, *(("log", {"n": 1}) if len(server.events[task]) < 30 else COMPLETED))

    run(body)


def test_two_tasks_are_watched_side_by_side(server: ScriptedServer) -> None:
    async def body() -> None:
        tasks = [server.task(RUNNING, *[("log", {"n": n}) for n in range(50)], COMPLETED) for _ in range(2)]
        async with AsyncTaskClient(server.url) as client:

            async def collect(task: str) -> list[Json]:
                return [event async for event in client.watch(task, since=0)]

            assert [server.events[task] for task in tasks] == await asyncio.gather(*map(collect, tasks))

    run(body)


def test_leaving_watch_early_ends_the_subscription(server: ScriptedServer) -> None:
    async def body() -> None:
        task = server.task(RUNNING)
        async with AsyncTaskClient(server.url) as client:
            watching = client.watch(task, since=0)
            assert 1 == (await anext(watching))["seq"]
            await watching.aclose()  # type: ignore[attr-defined]  # an async generator is one
        assert ("unsubscribe", {"task_id": task}) == server.requests[-1]

    run(body)


def test_an_unknown_task_is_an_error(server: ScriptedServer) -> None:
    async def body() -> None:
        async with AsyncTaskClient(server.url) as client:
            with pytest.raises(APIError, match="no such task"):
                await anext(client.watch("nowhere"))

    run(body)


def test_one_task_has_one_watcher(server: ScriptedServer) -> None:
    async def body() -> None:
        task = server.task(RUNNING)
        async with AsyncTaskClient(server.url) as client:
            await anext(client.watch(task))
            with pytest.raises(ClientError, match="watched by this client already"):
                await anext(client.watch(task))

    run(body)


def test_a_task_that_can_no_longer_be_followed_ends_watch_with_an_error(server: ScriptedServer) -> None:
    async def body() -> None:
        task = server.task(RUNNING)
        async with AsyncTaskClient(server.url) as client:
            watching = client.watch(task)
            assert 1 == (await anext(watching))["seq"]
            server.say("unsubscribed", {"task_id": task, "reason": "no longer allowed"}, task)
            with pytest.raises(ClientError, match="no longer allowed"):
                await anext(watching)
            with pytest.raises(ClientError, match="no longer allowed"):
                await client.wait_for_completion(5)

    run(body)


def test_callbacks_may_be_functions_or_coroutine_functions_and_keep_their_order(server: ScriptedServer) -> None:
    async def body() -> None:
        task, seen, loop = (
            server.task(RUNNING, ("log", {"n": 1}), ("log", {"n": 2}), COMPLETED),
            [],
            asyncio.get_running_loop(),
        )

        async def on_log(task_id: str, data: Json) -> None:
            await asyncio.sleep(0)
            assert loop is asyncio.get_running_loop()
            seen.append(data["n"])

        async with AsyncTaskClient(server.url) as client:
            client.on_log = on_log
            client.on_status_change = lambda task_id, data: seen.append(data["status"])
            await client.subscribe(task, since=0)
            assert "completed" == await client.wait_for_completion(5)
        assert ["running", 1, 2, "completed"] == seen

    run(body)


def test_a_callback_that_raises_is_logged_and_the_stream_goes_on(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        async def broken(task_id: str, data: Json) -> None:
            raise ValueError("mistake in the callback")

        async with AsyncTaskClient(server.url) as client:
            client.on_log = broken
            await client.subscribe(server.task(RUNNING, ("log", {}), COMPLETED), since=0)
            assert "completed" == await client.wait_for_completion(5)

    run(body)
    assert "mistake in the callback" in caplog.text


def test_waiting_gives_up_at_the_timeout(server: ScriptedServer) -> None:
    async def body() -> None:
        async with AsyncTaskClient(server.url) as client:
            await client.subscribe(server.task(RUNNING))
            with pytest.raises(TimeoutError):
                await client.wait_for_completion(0.05)

    run(body)


def test_control_returns_the_servers_answer(server: ScriptedServer) -> None:
    async def body() -> None:
        async with AsyncTaskClient(server.url) as client:
            assert "cancel" == (await client.control(server.task(RUNNING), "cancel"))["action"]

    run(body)


def test_a_server_that_never_comes_up_is_told_and_nothing_is_left(server: ScriptedServer) -> None:
    async def body() -> None:
        client = AsyncTaskClient(f"http://127.0.0.1:{free_port()}")
        with pytest.raises(ConnectionLost, match="runcast serve"):
            await client.connect(timeout=0.1)

    run(body)


def test_resets_and_skipped_stretches_are_told(server: ScriptedServer) -> None:
    async def body() -> None:
        task, told = server.task(RUNNING), []
        async with AsyncTaskClient(server.url) as client:
            client.on_reset = lambda task_id, answer: told.append(("reset", answer["last_seq"]))
            client.on_lagged = lambda task_id, notice: told.append(("lagged", notice["skipped"]))
            client.on_event = lambda task_id, envelope: told.append(envelope["seq"])
            await client.subscribe(task, since=0)
            for _ in range(2):
                server.append(task, "progress", {}, lose=True)
            server.say("lagged", {"task_id": task, "from_seq": 2, "to_seq": 3, "skipped": 2}, task)
            server.append(task, "log", {}, lose=True)
            server.reset(task)
            server.append(task, *COMPLETED)
            assert "completed" == await client.wait_for_completion(5)
            assert {task: "completed"} == client.statuses
        assert [1, ("lagged", 2), ("reset", 4), 1, 3, 5] == told

    run(body)


def test_every_task_can_be_watched_and_none_of_them_ends_it(server: ScriptedServer) -> None:
    async def body() -> None:
        async with AsyncTaskClient(server.url) as client:
            watching = client.watch("*")
            first = asyncio.ensure_future(anext(watching))
            await asyncio.to_thread(wait_until, lambda: server.requests[-1][0] == "subscribe")
            for seq, (kind, data) in enumerate([COMPLETED, ("log", {})], start=1):
                server.say("task_update", {"task_id": "a", "seq": seq, "event_type": kind, "data": data}, "*")
            assert [1, 2] == [(await first)["seq"], (await anext(watching))["seq"]]

    run(body)


def test_disconnect_ends_who_watches_and_who_waits(server: ScriptedServer) -> None:
    async def body() -> None:
        task = server.task(RUNNING)
        client = AsyncTaskClient(server.url)
        await client.connect()
        watching = client.watch(task, since=0)
        await anext(watching)
        both = [asyncio.ensure_future(anext(watching)), asyncio.ensure_future(client.wait_for_completion())]
        await asyncio.sleep(0)
        await client.disconnect()
        for ended in await asyncio.gather(*both, return_exceptions=True):
            assert isinstance(ended, ClientError)
            assert "disconnected" in str(ended)

    run(body)


def test_a_callback_may_disconnect(server: ScriptedServer) -> None:
    async def body() -> None:
        client = AsyncTaskClient(server.url)

        async def on_log(task_id: str, data: Json) -> None:
            await client.disconnect()

        client.on_log = on_log
        await client.connect()
        task = server.task(RUNNING)
        await client.subscribe(task, since=0)
        waiting = asyncio.ensure_future(client.wait_for_completion())
        await asyncio.sleep(0)
        server.append(task, "log", {})
        with pytest.raises(ClientError, match="disconnected"):
            await waiting

    run(body)


def test_a_cancelled_wait_inside_a_callback_does_not_end_the_stream(server: ScriptedServer) -> None:
    async def body() -> None:
        async def on_log(task_id: str, data: Json) -> None:
            waiting = asyncio.ensure_future(asyncio.sleep(60))
            waiting.cancel()
            await waiting

        async with AsyncTaskClient(server.url) as client:
            client.on_log = on_log
            await client.subscribe(server.task(RUNNING, ("log", {}), COMPLETED), since=0)
            assert "completed" == await client.wait_for_completion(5)

    run(body)
