"""The private parts of the libraries that `api.fanout` builds on: what fails after an upgrade is what to look at."""

from __future__ import annotations

import errno
import inspect

import engineio
import eventlet.greenio
import eventlet.hubs.hub
import eventlet.wsgi
import flask_socketio
import gevent.pywsgi
import gunicorn.http.wsgi
import gunicorn.util
import pytest
import socketio
import werkzeug.serving
from engineio.async_drivers import threading as threading_driver
from eventlet.green.ssl import GreenSSLSocket
from socketio.pubsub_manager import PubSubManager

from api.fanout import session
from api.fanout.engine import Engine
from api.fanout.rooms import Rooms
from api.fanout.server import Server


def source(thing):
    return inspect.getsource(thing)


def parameters(call):
    return list(inspect.signature(call).parameters)


def test_flask_socketio_makes_its_server_in_init_app_and_hands_it_to_its_middleware():
    """`SocketIO.init_app` changes what stands there already, as the middleware has it."""
    text = source(flask_socketio.SocketIO.init_app)
    assert "self.server = socketio.Server(**self.server_options)" in text
    assert "_SocketIOMiddleware(self.server, app" in text


@pytest.mark.parametrize(
    ("ours", "theirs"), [(Engine, engineio.Server), (Server, socketio.Server), (Rooms, socketio.Manager)]
)
def test_what_we_override_is_still_there(ours, theirs):
    """An instance of the library's class becomes one of ours: every method with a name of theirs is theirs too."""
    added = {
        Engine: {
            *("fit", "create_outbox", "deflates", "forget", "part_with"),
            *("_last_words", "_handle_request", "_opening", "_cookies", "_start", "_goes_on"),
        },
        Server: {"fit", "_expect", "_settled", "_packet", "_attached", "_strange", "_handle_packet", "_refuse"},
        Rooms: {"fit", "packets", "send", "_members"},
    }[ours]
    methods = {name for name, value in vars(ours).items() if inspect.isroutine(value)} - added
    assert methods, "nothing is overridden"
    for name in methods:
        known = set(parameters(getattr(theirs, name)))
        wanted = {
            each
            for each, parameter in inspect.signature(getattr(ours, name)).parameters.items()
            if parameter.kind is not parameter.VAR_KEYWORD
        }
        assert wanted <= known, name


def test_a_session_has_all_that_engineio_and_its_friends_know_of_a_socket():
    """`Session` stands in for `engineio.Socket`."""
    library = engineio.Server(async_mode="threading")
    socket = engineio.socket.Socket(library, "sid")
    assert set(vars(socket)) <= set(session.Session.__slots__)
    public = {name for name in dir(socket) if not name.startswith("_") and callable(getattr(socket, name))}
    assert {"schedule_ping"} == public - set(dir(session.Session)), "the clockwork pings"


def test_engineio_asks_a_socket_for_its_answers_and_takes_its_errors_for_a_bad_request():
    """`Session.handle_get_request` and `handle_post_request`."""
    text = " ".join(source(engineio.Server.handle_request).split())
    for part in (
        "r = self._handle_connect(environ, start_response, transport, jsonp_index)",
        "packets = socket.handle_get_request( environ, start_response) if isinstance(packets, list): r = self._ok(",
        "socket.handle_post_request(environ) r = self._ok(",
        "except exceptions.EngineIOError: if sid in self.sockets: # pragma: no cover self.disconnect(sid)",
        "if not isinstance(r, dict): return r",
    ):
        assert part in text, part
    for helper in ("_bad_request", "_ok", "_unauthorized", "_cors_headers", "_generate_sid_cookie", "_trigger_event"):
        assert callable(getattr(engineio.Server, helper))


def test_a_payload_asks_for_base64():
    """`Batch.encode`."""
    assert "pkt.encode(b64=True)" in source(engineio.payload.Payload.encode)


def test_flask_makes_a_request_for_each_event_and_leaves_it_in_the_environ():
    """`SocketIO._handle_event` takes it out."""
    assert "app.request_context(environ)" in source(flask_socketio.SocketIO._handle_event)
    assert '"werkzeug.request"' in source(werkzeug.wrappers.Request.__init__)


def test_socketio_keeps_rooms_as_we_do():
    """`Rooms`: by namespace, room and sid, everybody under None in a bidict."""
    manager = socketio.Manager()
    manager.set_server(socketio.Server(async_mode="threading"))
    sid = manager.connect("eio", "/")
    manager.enter_room(sid, "/", "a")
    assert {"/"} == set(manager.rooms)
    assert {sid: "eio"} == manager.rooms["/"]["a"] == manager.rooms["/"][None]._fwdm
    assert {"eio": sid} == manager.rooms["/"][None]._invm
    assert "self.rooms[namespace][None]._invm[eio_sid]" in source(manager.sid_from_eio_sid)


def test_a_manager_with_a_bus_emits_to_its_own_process_by_the_one_below_it():
    """`Rooms.fit` puts itself there."""
    assert "super().emit(" in source(PubSubManager._handle_emit)
    assert "super().emit(" in source(PubSubManager.emit)


def test_socketio_dispatches_packets_as_we_do():
    """`Server._handle_eio_message` replaces theirs."""
    text = source(socketio.Server._handle_eio_message)
    for call in ("self._handle_connect(", "self._handle_disconnect(", "self._handle_event(", "self._handle_ack("):
        assert call in text
    assert "self._binary_packet" in text
    assert "self.environ[eio_sid] = environ" in source(socketio.Server._handle_eio_connect)


def test_flask_socketios_test_client_replaces_the_two_ways_out():
    """`Rooms.send` takes the second one for a connection that has no session."""
    text = source(flask_socketio.test_client.SocketIOTestClient.__init__)
    assert "socketio.server._send_packet = _mock_send_packet" in text
    assert "socketio.server._send_eio_packet = _mock_send_eio_packet" in text


def test_eventlet_lets_a_connection_be_taken_out_of_its_servers_hands():
    """`hub_websocket.open_channel`."""
    assert "if WSGI_LOCAL.already_handled:" in source(eventlet.wsgi.HttpProtocol.handle_one_response)
    assert "self.fd = fd" in source(eventlet.greenio.GreenSocket.__init__)
    assert "act_non_blocking" in source(eventlet.greenio.GreenSocket.setblocking)
    assert callable(eventlet.wsgi.Input.get_socket)
    assert "self.rfile = rfile" in source(eventlet.wsgi.Input.__init__)


def test_eventlets_server_ends_a_tls_connection_by_two_methods_that_we_override():
    """`hub_socket._Kept`."""
    text = source(eventlet.wsgi.HttpProtocol.finish)
    assert "greenio.shutdown_safe(self.connection) self.connection.close()" in " ".join(text.split())
    assert "return sock.shutdown(socket.SHUT_RDWR)" in source(eventlet.greenio.shutdown_safe)
    assert "sock.close()" in source(gunicorn.util.close)
    assert "if self.act_non_blocking: return func(" in " ".join(source(GreenSSLSocket._call_trampolining).split())
    assert "ret.__class__ = GreenSSLSocket" in source(GreenSSLSocket.__new__), "a class that can be exchanged"


def test_http_servers_read_a_connection_by_what_they_hand_out():
    """`websocket._connection`, `hub_websocket._read_ahead`: they may have read on."""
    assert '"wsgi.input": self.rfile' in source(werkzeug.serving.WSGIRequestHandler.make_environ)
    assert "self.rfile = rfile" in source(gevent.pywsgi.Input.__init__)
    assert '"wsgi.input": req.body' in source(gunicorn.http.wsgi.default_environ)
    unreader = gunicorn.http.unreader.SocketUnreader(None)
    unreader.unread(b"early")
    assert gunicorn.http.body.Body(gunicorn.http.body.EOFReader(unreader)).reader.unreader.take_buffered() == b"early"


def test_eventlets_hub_has_listeners():
    """`hub_websocket._add` and `SocketIO`'s cork."""
    hub = eventlet.hubs.hub.BaseHub
    assert ["self", "evtype", "fileno", "cb", "tb", "mark_as_closed"] == parameters(hub.add)
    assert ["self", "listener"] == parameters(hub.remove)
    assert ["self", "seconds", "cb", "args", "kw"] == parameters(hub.schedule_call_global)
    assert ("read", "write") == (eventlet.hubs.hub.READ, eventlet.hubs.hub.WRITE)


def test_gevents_server_ends_a_connection_that_was_reset():
    """`websocket._connection`."""
    assert errno.ECONNRESET in gevent.pywsgi.WSGIHandler.ignored_socket_errors


def test_every_async_mode_has_the_parts_that_we_use():
    """`socketio._Mode`."""
    assert {"queue", "queue_empty", "sleep", "thread"} <= set(threading_driver._async)
