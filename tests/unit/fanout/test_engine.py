"""What stands between a request and a session."""

from __future__ import annotations

import logging

import pytest
from engineio.packet import MESSAGE, Packet
from flask import Flask, request

from api.fanout import SocketIO
from api.fanout.server import remembered


@pytest.fixture
def app():
    return Flask(__name__)


def test_an_error_of_ours_shows_no_traceback_to_a_client(app, monkeypatch, caplog):
    """Some HTTP servers would answer with it."""
    socketio = SocketIO(app, async_mode="threading")

    def broken(*arguments, **options):
        raise RuntimeError("a secret")

    monkeypatch.setattr(socketio.server.eio, "generate_id", broken)
    with caplog.at_level(logging.ERROR):
        answer = app.test_client().get("/socket.io/?EIO=4&transport=polling")
    assert (500, b"Internal Server Error") == (answer.status_code, answer.data)
    assert "a secret" in caplog.text


def test_options_of_the_class_reach_its_parts(app):
    socketio = SocketIO(app, async_mode="threading", max_message_bytes=10, connect_timeout=3, compression=True)
    engine = socketio.server.eio
    assert (10, 3, True) == (engine.max_message_bytes, engine.clockwork.owing_seconds, engine.compression)
    assert 1_000_000 == engine.max_http_buffer_size


def test_handlers_know_of_the_request_what_they_knew_before(app):
    socketio = SocketIO(app, async_mode="threading")
    known = {}

    @socketio.on("connect")
    def connect():
        known.update(
            address=request.remote_addr,
            cookie=request.cookies.get("colour"),
            token=request.args.get("token"),
            language=request.headers["Accept-Language"],
            host=request.host,
            secure=request.is_secure,
        )

    with app.test_request_context(
        "/socket.io/?token=t",
        headers={"Cookie": "colour=blue", "Accept-Language": "en"},
        base_url="https://lab.example",
    ):
        environ = {**request.environ, "flask.app": app, "REMOTE_ADDR": "192.0.2.1"}
    socketio.server.environ["eio"] = remembered(environ)
    socketio.server.manager.connect("eio", "/")
    socketio._handle_event(connect, "connect", "/", socketio.server.manager.sid_from_eio_sid("eio", "/"))
    assert "werkzeug.request" not in socketio.server.environ["eio"]
    assert known == {
        "address": "192.0.2.1",
        "cookie": "blue",
        "token": "t",
        "language": "en",
        "host": "lab.example",
        "secure": True,
    }


def test_the_request_itself_is_not_kept():
    environ = {
        "REQUEST_METHOD": "GET",
        "HTTP_SEC_WEBSOCKET_KEY": "x",
        "wsgi.input": object(),
        "eventlet.input": object(),
        "werkzeug.request": object(),
        "HTTP_USER_AGENT": "a browser",
    }
    kept = remembered(environ)
    assert {"REQUEST_METHOD", "HTTP_USER_AGENT", "wsgi.input", "wsgi.errors"} == set(kept)
    assert environ["wsgi.input"] is not kept["wsgi.input"]
    assert b"" == kept["wsgi.input"].read()


def test_a_poll_that_comes_while_its_session_is_closed_hears_the_last_words(app, monkeypatch):
    """On threads it may come at any moment of that."""
    socketio = SocketIO(app, async_mode="threading")
    engine = socketio.server.eio
    client = app.test_client()
    path = "/socket.io/?EIO=4&transport=polling"
    sid = client.get(path).get_data(as_text=True).split('"sid":"')[1].split('"')[0]
    session = engine.sockets[sid]
    session.send(Packet(MESSAGE, "last words"))
    forget, heard = engine.forget, []

    def amid(closing):
        forget(closing)
        heard.append(client.get(f"{path}&sid={sid}").get_data(as_text=True))

    monkeypatch.setattr(engine, "forget", amid)
    session.close(wait=False)
    assert ["4last words"] == heard
    assert "1" == client.get(f"{path}&sid={sid}").get_data(as_text=True)
