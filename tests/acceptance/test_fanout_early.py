"""`api.fanout.SocketIO` and clients that do not wait for the answer to their handshake: what their HTTP server has
read beyond the request is the beginning of the conversation."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.byte_reader import ByteReader
from tests.support.servers import ServerProcess, fanout_rooms, gunicorn_rooms

SERVERS = {
    "own-eventlet": (fanout_rooms, "eventlet"),
    "own-eventlet-tls": (fanout_rooms, "eventlet"),
    "own-gevent": (fanout_rooms, "gevent"),
    "own-threading": (fanout_rooms, "threading"),
    "gunicorn-eventlet": (gunicorn_rooms, "eventlet"),
    "gunicorn-eventlet-tls": (gunicorn_rooms, "eventlet"),
    "gunicorn-gevent": (gunicorn_rooms, "gevent"),
    "gunicorn-gthread": (gunicorn_rooms, "gthread"),
}


@pytest.fixture(scope="module", params=SERVERS)
def rooms(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    serving, mode = SERVERS[request.param]
    options, scheme = (), "http"
    if request.param.endswith("tls"):
        options, scheme = request.getfixturevalue("certificate").options, "https"
    command, folder = serving(mode, *options), tmp_path_factory.mktemp("rooms")
    with ServerProcess(folder, command=command, awaits="/state", scheme=scheme) as running:
        yield running
        assert "Traceback" not in running.log_text()


@pytest.mark.parametrize(
    ("count", "size"),
    [(1, 10), (100, 10), (5, 2000), (30, 2000)],
    ids=["one frame", "many", "more than a parser reads at once", "more than a TLS record"],
)
def test_what_comes_with_the_handshake_is_heard(rooms: ServerProcess, count: int, size: int) -> None:
    words = [str(number).zfill(size) for number in range(count)]
    packets = [f"42{number}{json.dumps(['echo', word])}" for number, word in enumerate(words)]
    reader = ByteReader(rooms.url, early=["40", *packets])
    while len(reader.answers) < count:
        reader.read(65536)
    reader.close()
    assert {number: [word] for number, word in enumerate(words)} == reader.answers
