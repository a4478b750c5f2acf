"""Many devices, one list: the default namespace with plain clients, in every async mode."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from tests.support.byte_reader import ByteReader
from tests.support.devices import SECONDS, Device, Devices, Json
from tests.support.events import history, submit, task, wait_for_status
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

MODES = ["eventlet", "gevent", "threading"]
OBJECT = {"id", "task_id", "serverTaskId", "formData", "mode", "startTime", "status", "progress"}
Make = Callable[..., Device]


@pytest.fixture(scope="module", params=MODES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"RUNCAST_ASYNC_MODE": request.param, "RUNCAST_WARM_WORKERS": "1"}
    with ServerProcess(tmp_path_factory.mktemp("devices"), env=env) as running:
        yield running
        assert "Traceback" not in running.log_text()


@pytest.fixture
def devices(server: ServerProcess) -> Iterator[Make]:
    with Devices(server.url) as made:
        yield made


def cancel(server: ServerProcess, task_id: str) -> None:
    assert 202 == requests.post(f"{server.url}/api/tasks/{task_id}/cancel", timeout=SECONDS).status_code


@contextmanager
def raw(server: ServerProcess, headers: dict[str, str] | None = None) -> Iterator[ClientConnection]:
    """A connection of the namespace without a library in between."""
    address = f"{server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
    with connect(address, additional_headers=headers, open_timeout=SECONDS) as opened:
        opened.send("40")
        yield opened


def ask(opened: ClientConnection, event: str, data: str) -> Json:
    """Emit an event with these data, as they stand, and return the acknowledgement."""
    opened.send(f'427["{event}",{data}]')
    while not (text := str(opened.recv(SECONDS))).startswith("437"):
        pass
    [answer] = json.loads(text[3:])
    return answer


def test_what_one_device_runs_appears_on_all_and_ends_on_all(server: ServerProcess, devices: Make) -> None:
    """JavaScript and Python, WebSocket and polling; a connection of the same device knows the task by the same id."""
    phone = devices("phone", client="js")
    others = [devices("laptop", client="js", transport="polling"), devices("desk"), devices(transport="polling")]
    again = devices("phone")
    started = 1_790_000_000_000
    begun = phone.begin(1, formData={"text": "Grüße"}, mode="paint", startTime=started, serverTaskId="s-1")
    told = {device: device.wait_for("task_created", task_id=begun) for device in [phone, again, *others]}
    numbers = {device: message["id"] for device, message in told.items()}
    assert [1, 1] == [numbers.pop(phone), numbers.pop(again)]
    [allotted] = set(numbers.values())
    assert 1 < allotted < 2**53
    same = {"formData": {"text": "Grüße"}, "mode": "paint", "startTime": started, "serverTaskId": "s-1",
            "task_id": begun, "status": "running", "progress": 0.0}  # fmt: skip
    assert all(message == same | {"id": message["id"]} for message in told.values())

    assert {"ok": True, "id": 1, "task_id": begun} == phone.say("task_progress", id=1, progress=40, message="half-way")
    assert phone.say("task_completed", id=1, result={"picture": "p.png"})["ok"]
    for device in told:
        number = 1 if device in (phone, again) else allotted
        heard = [each for each in device.events() if each[1].get("id") == number]
        wait_until(lambda device=device, number=number: device.got("task_completed", id=number), SECONDS)
        heard = [each for each in device.events() if each[1].get("id") == number]
        assert [
            ("task_created", told[device]),
            ("task_progress", {"id": number, "progress": 40.0, "message": "half-way"}),
            ("task_completed", {"id": number, "result": {"picture": "p.png"}}),
        ] == heard
    stored = task(server.url, begun)
    assert ("external", "completed", {"picture": "p.png"}) == (stored["type"], stored["status"], stored["result"])
    assert ["status_change", "progress", "status_change"] == [each["event_type"] for each in history(server.url, begun)]


def test_what_the_server_runs_is_seen_with_its_progress_and_its_end(server: ServerProcess, devices: Make) -> None:
    device = devices("phone")
    run = submit(server.url, "test-steps", {"n": 4, "delay": 0.3})
    created = device.wait_for("task_created", task_id=run)
    assert OBJECT == set(created)
    assert ("test-steps", "", 4) == (created["mode"], created["serverTaskId"], created["formData"]["n"])
    assert 4 == device.wait_for("task_completed", id=created["id"])["result"]["steps"]
    percents = [each["progress"] for each in device.got("task_progress", id=created["id"])]
    assert percents == sorted(percents)
    assert {25.0, 50.0, 75.0} & set(percents)
    assert "step 4 of 4" == device.wait_for("task_progress", id=created["id"], progress=100.0)["message"]


def test_a_cancelled_and_a_failed_task_leave_every_list(server: ServerProcess, devices: Make) -> None:
    phone, laptop = devices("phone"), devices("laptop")
    cancelled, failed, given_up = (phone.begin(number) for number in (11, 12, 13))
    run = submit(server.url, "test-steps", {"n": 1000, "delay": 0.1})
    numbers = {each: laptop.number_of(each) for each in (cancelled, failed, given_up, run)}
    cancel(server, cancelled)
    cancel(server, run)
    phone.say("task_failed", id=12, error="no luck")
    phone.say("task_failed", id=13, error="cancelled")
    for each, error in ((cancelled, "cancelled"), (run, "cancelled"), (failed, "no luck"), (given_up, "cancelled")):
        assert error == laptop.wait_for("task_failed", id=numbers[each])["error"]
    assert "cancelled" == phone.wait_for("task_failed", id=11)["error"]
    assert "cancelled" == task(server.url, given_up)["status"]
    refused = phone.say("task_progress", id=11, progress=1)
    assert (False, "conflict") == (refused["ok"], refused["code"])
    assert not numbers.keys() & {each["task_id"] for each in devices("late").list}


def test_who_comes_late_gets_what_runs_and_goes_on_from_there(server: ServerProcess, devices: Make) -> None:
    phone = devices("phone")
    begun, ended = phone.begin(21, mode="sing"), phone.begin(22)
    phone.say("task_progress", id=21, progress=30, message="a third")
    phone.say("task_completed", id=22)
    late = devices("late", client="js")
    [mine] = [each for each in late.list if each["task_id"] == begun]
    assert OBJECT == set(mine)
    assert ("sing", "running", 30.0, {"n": 21}) == (mine["mode"], mine["status"], mine["progress"], mine["formData"])
    assert ended not in {each["task_id"] for each in late.list}
    [same] = [each for each in devices("phone").list if each["task_id"] == begun]
    assert 21 == same["id"]
    phone.say("task_completed", id=21)
    late.wait_for("task_completed", id=mine["id"])
    assert not late.got("task_created", task_id=begun)


def test_nobody_misses_anything_however_they_come_in_between(server: ServerProcess, devices: Make) -> None:
    """Each newcomer has each task either in the list or by `task_created`, once, and hears of its end."""
    phone = devices("phone")
    newcomers, begun = [], []
    for number in range(30, 60):
        begun.append(phone.say("task_created", id=number)["task_id"])
        if number % 5 == 0:
            newcomers.append(devices(f"newcomer-{number}"))
    for number in range(30, 60):
        phone.emit("task_completed", id=number)
    for newcomer in newcomers:
        listed = {each["task_id"]: each["id"] for each in newcomer.list}
        for task_id in begun:
            number = listed[task_id] if task_id in listed else newcomer.number_of(task_id)
            newcomer.wait_for("task_completed", id=number)
            assert 1 == len(newcomer.got("task_completed", id=number))
            assert (task_id not in listed) == len(newcomer.got("task_created", task_id=task_id))


def test_the_same_small_id_on_many_devices_is_as_many_tasks(server: ServerProcess, devices: Make) -> None:
    made = [devices(f"device-{number}") for number in range(8)]
    begun = [device.begin(1, mode=f"mode-{number}") for number, device in enumerate(made)]
    assert 8 == len(set(begun))
    for index, device in enumerate(made):
        numbers = [device.number_of(task_id) for task_id in begun]
        assert 1 == numbers.pop(index)
        assert 7 == len(set(numbers))
        assert all(number > 1 for number in numbers)
    for index, device in enumerate(made):
        device.say("task_progress", id=1, progress=index)
    assert [float(index) for index in range(8)] == [task(server.url, each)["progress_percent"] for each in begun]
    for device in made:
        device.say("task_completed", id=1)


def test_nobody_can_write_to_what_another_device_runs(server: ServerProcess, devices: Make) -> None:
    """Not by its id there, not by the one that was allotted: that is for the others to read."""
    phone, laptop = devices("phone"), devices("laptop")
    begun = phone.begin(71)
    for number in (71, laptop.number_of(begun)):
        for event in ("task_progress", "task_completed", "task_failed"):
            answer = laptop.say(event, id=number, progress=99, error="mine")
            assert not answer["ok"]
            assert answer["code"] == ("not_found" if number == 71 else "invalid")
    assert ("running", 0.0) == (task(server.url, begun)["status"], task(server.url, begun)["progress_percent"])
    own = laptop.begin(71)
    assert own != begun
    assert "not_found" == laptop.say("task_failed", id=72)["code"]
    assert {"not_found"} == {each["code"] for each in laptop.got("error", id=72)}
    for device in (phone, laptop):
        device.say("task_completed", id=71)


def test_an_id_is_the_same_task_while_it_runs_and_a_new_one_afterwards(server: ServerProcess, devices: Make) -> None:
    phone = devices("phone")
    first = phone.begin(81)
    phone.close()
    back = devices("phone")
    assert first == back.begin(81)
    assert back.say("task_completed", id=81)["ok"]
    second = back.begin(81)
    assert first != second
    assert back.say("task_completed", id=81)["ok"]
    assert 204 == requests.delete(f"{server.url}/api/tasks/{second}", timeout=SECONDS).status_code
    assert {"ok": False, "code": "not_found"}.items() <= back.say("task_progress", id=81, progress=1).items()
    assert back.begin(81) not in (first, second)
    assert back.say("task_completed", id=81)["ok"]


def test_a_flood_of_progress_is_thinned_out_and_its_last_is_not_lost(server: ServerProcess, devices: Make) -> None:
    phone, laptop = devices("phone"), devices("laptop")
    begun = phone.begin(91)
    number = laptop.number_of(begun)
    for step in range(1000):
        phone.emit("task_progress", id=91, progress=step / 20, message=f"step {step}")
    assert "step 999" == laptop.wait_for("task_progress", id=number, progress=49.95)["message"]
    for step in range(1000):
        phone.emit("task_progress", id=91, progress=50 + step / 20)
    assert phone.say("task_completed", id=91)["ok"]
    laptop.wait_for("task_completed", id=number)
    stored = [each["data"] for each in history(server.url, begun) if each["event_type"] == "progress"]
    assert 99.95 == stored[-1]["progress_percent"]
    assert len(stored) < 500
    heard = [each["progress"] for each in laptop.got("task_progress", id=number)]
    assert heard == sorted(heard)


@pytest.mark.parametrize(
    ("event", "data", "code", "said"),
    [
        ("task_created", [None], "invalid", "the message must be an object"),
        ("task_created", [], "invalid", "the message must be an object"),
        ("task_created", [{"formData": {}}], "invalid", "id: must be a whole number"),
        ("task_created", [{"id": 10**90}], "invalid", "id: must be a whole number"),
        ("task_created", [{"id": 1, "formData": [1]}], "invalid", "formData: must be an object"),
        ("task_created", [{"id": 1, "formData": {"$result": "x", "path": "a"}}], "invalid", ""),
        ("task_created", [{"id": 1, "mode": "\ud800"}], "invalid", "mode: must be text"),
        ("task_created", [{"id": 1, "startTime": "now"}], "invalid", "startTime: must be a time"),
        ("task_progress", [{"id": 1, "progress": "50"}], "invalid", "progress: must be a number from 0 to 100"),
        ("task_progress", [{"id": 1, "progress": -1}], "invalid", "progress: must be a number from 0 to 100"),
        ("task_progress", [{"id": 1, "progress": 10**90}], "invalid", "progress: must be a number from 0 to 100"),
        ("task_progress", [{"id": 1, "progress": 1, "message": "\ud800"}], "invalid", "message: must be text"),
        ("task_progress", [{"id": 404, "progress": 1}], "not_found", "this device has no task 404"),
        ("task_failed", [{"id": 404, "error": {"a": 1}}], "invalid", "error: must be text"),
        ("task_completed", [{"id": 404}, {"id": 1}], "not_found", "this device has no task 404"),
        ("subscribe", [{"task_id": "*"}], "unknown_event", "there is no event 'subscribe' in /"),
        ("x" * 1000, [1], "unknown_event", "there is no event 'xxx"),
    ],
    ids=lambda each: repr(each)[:30],
)
def test_bad_input_is_answered_and_the_connection_stays(
    devices: Make, event: str, data: list[Any], code: str, said: str
) -> None:
    device = devices("clumsy")
    answer = device.call(event, *data)
    assert (False, code) == (answer["ok"], answer["code"])
    assert answer["message"].startswith(said)
    assert {"message": answer["message"], "code": code}.items() <= device.wait_for("error").items()
    assert device.say("task_completed", id=405)["code"] == "not_found"


def test_numbers_beyond_all_bounds_are_answered_too(server: ServerProcess) -> None:
    """As they stand in JSON; a client whose library writes Infinity or NaN sends none, and loses its connection."""
    with raw(server) as opened:
        refused = ask(opened, "task_progress", '{"id":1,"progress":1e400}')
        assert refused["message"].startswith("progress: must be a number")
        refused = ask(opened, "task_created", '{"id":1,"formData":{"a":-1e400}}')
        assert refused["message"].startswith("params.a: must be a finite number")


@pytest.mark.parametrize("name", ["x" * 65, "a b", 7])
def test_a_device_that_is_no_name_is_refused_with_the_reason(server: ServerProcess, name: Any) -> None:
    with pytest.raises(ConnectionError, match=r"auth\.device must be 1 to 64 letters"):
        Device(server.url, name, client="js")


def test_a_client_that_keeps_its_cookie_comes_back_as_the_same_device(server: ServerProcess) -> None:
    """It comes with the answer that opens the connection; who sends none cannot go on after a reconnect."""
    with raw(server) as opened:
        assert opened.response is not None
        cookie, _, attributes = opened.response.headers["Set-Cookie"].partition(";")
        begun = ask(opened, "task_created", '{"id":95}')
    assert "HttpOnly; SameSite=Lax" in attributes
    with raw(server, {"Cookie": cookie}) as opened:
        assert opened.response is not None
        assert "Set-Cookie" not in opened.response.headers
        assert begun == ask(opened, "task_progress", '{"id":95,"progress":5}')
    with raw(server) as opened:
        assert "not_found" == ask(opened, "task_progress", '{"id":95,"progress":6}')["code"]
    cancel(server, begun["task_id"])


def test_a_page_brings_the_cookie_before_it_opens_connections(server: ServerProcess) -> None:
    """Several at once, none of which had a cookie, would bring one each."""
    browser = requests.Session()
    page = browser.get(f"{server.url}/demo", timeout=SECONDS)
    assert {"runcast_device"} == set(page.cookies.keys())
    assert "private" == page.headers["Cache-Control"]
    for path in ("/training", "/socket.io/?EIO=4&transport=polling"):
        assert "Set-Cookie" not in browser.get(f"{server.url}{path}", timeout=SECONDS).headers


def test_polling_gives_the_cookie_too(server: ServerProcess) -> None:
    address = f"{server.url}/socket.io/?EIO=4&transport=polling"
    first = requests.get(address, timeout=SECONDS)
    assert {"runcast_device"} == set(first.cookies.keys())
    assert "Set-Cookie" not in requests.get(address, timeout=SECONDS, cookies=first.cookies).headers


def test_a_reader_that_stops_holds_nobody_up_and_ends_with_the_right_list(server: ServerProcess, devices: Make) -> None:
    """It takes nothing while more moves than the server and the kernel keep for it."""
    slow = ByteReader(server.url)
    while not slow.events:
        slow.read(4096)
    phone, laptop = devices("phone"), devices("laptop")
    begun = {number: phone.begin(number, formData={"text": "x" * 20_000}) for number in range(100, 160)}
    for number in range(100, 130):
        phone.say("task_progress", id=number, progress=50)
        phone.say("task_completed", id=number, result={"text": "y" * 10_000})
    for number in range(100, 130):
        laptop.wait_for("task_completed", id=laptop.number_of(begun[number]))
    known = {begun[number]: laptop.number_of(begun[number]) for number in begun}
    while not {known[begun[number]] for number in range(130, 160)} <= listed(slow.events).keys():
        slow.read(65536)
    assert not {known[begun[number]] for number in range(100, 130)} & listed(slow.events).keys()
    for number in range(130, 160):
        phone.say("task_completed", id=number)
    while set(known.values()) & listed(slow.events).keys():
        slow.read(65536)
    slow.close()


def listed(events: list[list[Any]]) -> dict[int, Json]:
    """The list of a client that heard these events; what it does not know is not to be told of."""
    shown: dict[int, Json] = {}
    for name, message in events:
        if name == "active_tasks":
            shown = {each["id"]: each for each in message["tasks"]}
        elif name == "task_created":
            assert message["id"] not in shown
            shown[message["id"]] = message
        elif name == "task_progress":
            shown[message["id"]] |= message
        else:
            del shown[message["id"]]
    return shown


def test_a_second_server_on_the_same_journal_has_the_same_list(start_server: Callable[..., ServerProcess]) -> None:
    """The same ids too, and a device may go on there."""
    runs = start_server()
    other = ServerProcess(runs.data_dir, awaits="/api/health")
    with other, Devices(runs.url) as here, Devices(other.url) as there:
        phone, laptop, far = here("phone"), here("laptop"), there("laptop")
        begun = phone.begin(1)
        allotted = laptop.number_of(begun)
        assert allotted == far.number_of(begun)
        moved = there("phone")
        assert 1 == moved.list[0]["id"]
        assert moved.say("task_completed", id=1, result="there")["ok"]
        assert ["there", "there"] == [each.wait_for("task_completed", id=allotted)["result"] for each in (laptop, far)]


def test_a_device_goes_on_after_a_restart_of_the_server(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    with Devices(server.url) as devices:
        phone, laptop = devices("phone"), devices("laptop")
        begun = phone.begin(1, mode="sing")
        allotted = laptop.number_of(begun)
        phone.say("task_progress", id=1, progress=10)
    server.restart()
    with Devices(server.url) as devices:
        phone, laptop = devices("phone"), devices("laptop", client="js")
        assert [(1, "sing", 10.0)] == [(each["id"], each["mode"], each["progress"]) for each in phone.list]
        assert [allotted] == [each["id"] for each in laptop.list]
        assert phone.begin(1) == begun
        assert phone.say("task_progress", id=1, progress=90, message="nearly")["ok"]
        assert "nearly" == laptop.wait_for("task_progress", id=allotted, progress=90.0)["message"]
        assert phone.say("task_completed", id=1)["ok"]
        laptop.wait_for("task_completed", id=allotted)
    wait_for_status(server.url, begun, "completed")
