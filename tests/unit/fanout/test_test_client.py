"""Flask-SocketIO's own test client with `SocketIO`: an application's tests go on to work."""

from __future__ import annotations

import pytest

from tests.support.fanout_rooms import create

BINARY = {"bytes": b"\x00\xff", "list": [b"", "text"]}


@pytest.fixture(scope="module")
def chat():
    """(Flask application, SocketIO), as in an application's own tests."""
    return create("threading")


@pytest.fixture
def join(chat):
    """`join(namespace, auth=…)`: a client, connected."""
    app, socketio = chat
    clients = []

    def connect(namespace="/", **options):
        clients.append(socketio.test_client(app, namespace=namespace, **options))
        return clients[-1]

    yield connect
    for client in clients:
        for namespace in [name for name, connected in client.connected.items() if connected]:
            client.disconnect(namespace)


def told(client, namespace="/"):
    return [message["args"][0] for message in client.get_received(namespace) if message["name"] == "told"]


def test_it_connects_and_disconnects_by_namespace(join):
    client = join()
    client.connect("/a")
    assert client.is_connected()
    assert client.is_connected("/a")
    client.disconnect("/a")
    assert client.is_connected()
    assert not client.is_connected("/a")


def test_a_refused_connection_is_not_connected(join):
    assert not join(auth={"refused": True}).is_connected()


def test_it_receives_what_is_emitted_while_it_connects_and_after(join):
    client = join(auth={"greetings": 3})
    assert [0, 1, 2] == [message["args"][0] for message in client.get_received()]
    client.emit("burst", "nowhere", 0, 30)
    assert [0, 10, 20] == [message["args"][0] for message in client.get_received()]
    assert [] == client.get_received()


def test_acknowledgements_carry_values_bytes_and_several_at_once(join):
    client = join()
    assert client.emit("echo", BINARY, callback=True) == BINARY
    assert client.emit("echo", 1, "two", None, callback=True) == [1, "two", None]
    assert client.emit("echo", callback=True) == []


def test_rooms_namespaces_and_skipped_clients(join):
    here, there, elsewhere = join(), join(), join("/b")
    sid = here.emit("sid", callback=True)
    for client in (here, there):
        client.emit("enter", "room")
    elsewhere.emit("enter", "room", namespace="/b")
    there.emit("tell", "room", "all")
    there.emit("tell", "room", "others", [sid])
    there.emit("tell_all", "everybody")
    there.emit("act", ["close", "room"], ["emit", "room", "nobody"], ["emit", sid, "one"])
    assert ["all", "everybody", "one"] == told(here)
    assert ["all", "others", "everybody"] == told(there)
    assert [] == told(elsewhere, "/b")


def test_binary_events_come_with_their_bytes(join):
    client = join()
    client.emit("tell", client.emit("sid", callback=True), BINARY)
    assert [BINARY] == told(client)


def test_the_server_disconnects_it_from_one_namespace(join):
    client = join()
    client.connect("/a")
    client.emit("act", ["disconnect", client.emit("sid", namespace="/a", callback=True)], namespace="/a")
    assert client.is_connected()
    assert not client.is_connected("/a")


def test_what_the_application_emits_outside_of_a_handler_is_received(chat, join):
    app, socketio = chat
    client = join()
    client.emit("enter", "hall")
    socketio.emit("told", "from a task", to="hall")
    assert 200 == app.test_client().post("/tell", json={"room": "hall", "value": "from a request"}).status_code
    assert ["from a task", "from a request"] == told(client)


def test_packets_that_are_sent_to_a_room_are_received(chat, join):
    """`SocketIO.send_packets`."""
    _app, socketio = chat
    client = join()
    client.emit("enter", "hall")
    packets = socketio.packets("told", ["one", BINARY], "/")
    socketio.send_packets(packets, namespace="/", to="hall")
    assert ["one", BINARY] == told(client)
