"""The private parts of the libraries that `api.fanout` builds on: what fails after an upgrade is what to look at."""

from __future__ import annotations

import inspect

import engineio
import eventlet.websocket
import flask_socketio
import simple_websocket
import socketio
from engineio import socket as engine_socket
from engineio.async_drivers import _websocket_wsgi, threading


def source(thing):
    return inspect.getsource(thing)


def test_engineio_makes_its_queues_by_create_queue_and_uses_four_methods_of_them():
    """`SocketIO._create` and `Outbox`."""
    assert "self.queue = self.server.create_queue()" in source(engineio.base_socket.BaseSocket.__init__)
    text = source(engine_socket)
    for call in ("queue.put(", "queue.get(\n", "queue.get(block=False)", "queue.task_done()", "queue.join()"):
        assert call in text
    assert (5, 1) == (text.count("self.queue.put("), text.count("self.queue.join("))


def test_a_poll_takes_one_packet_with_a_time_out_and_the_rest_without_waiting():
    """`Outbox.get` answers the first call with a batch and the second one with Empty."""
    text = source(engine_socket.Socket.poll)
    assert text.index("timeout=self.server.ping_interval") < text.index("block=False")
    assert "if packets == [None]:" in text


def test_a_payload_asks_for_base64_and_a_websocket_does_not():
    """`Batch.encode`."""
    assert "pkt.encode(b64=True)" in source(engineio.payload.Payload.encode)
    assert "ws.send(pkt.encode())" in source(engine_socket.Socket._websocket_handler)


def test_a_ping_is_measured_from_last_ping():
    """`Patience`."""
    assert "time.time() - last_ping > self.server.ping_timeout" in source(engine_socket.Socket.check_ping_timeout)


def test_the_connect_handler_is_called_when_the_socket_is_known():
    """`SocketIO._fit`."""
    text = source(engineio.Server._handle_connect)
    assert text.index("self.sockets[sid] = s") < text.index("self._trigger_event('connect'")


def test_the_websocket_class_is_looked_up_in_async_and_given_the_sockets_own_method():
    """`EventletWebSocket` and `with_outbox` find the outbox as `handler.__self__.queue`."""
    text = source(engine_socket.Socket._upgrade_websocket)
    assert "self.server._async['websocket'](\n            self._websocket_handler, self.server)" in text
    assert "for attr in ['_sock', 'socket']" in source(engine_socket.Socket._websocket_handler)


def test_eventlets_websocket_has_a_lock_a_socket_and_a_closing_frame():
    """`eventlet_websocket._Channel`."""
    websocket = eventlet.websocket
    assert "self._sendlock.acquire()" in source(websocket.RFC6455WebSocket._send)
    assert "self.socket = sock" in source(websocket.WebSocket.__init__)
    assert "ignore_send_errors" in inspect.signature(websocket.RFC6455WebSocket._send_closing_frame).parameters
    lock = eventlet.semaphore.Semaphore()
    assert 1 == lock.counter
    lock.acquire()
    assert 0 == lock.counter


def test_simple_websocket_is_given_a_handler_and_keeps_its_socket_as_sock():
    """`simple_websocket.with_outbox`."""
    assert threading._async["websocket"] is _websocket_wsgi.SimpleWebSocketWSGI
    assert "ret = self.app(self)" in source(_websocket_wsgi.SimpleWebSocketWSGI.__call__)
    assert "self.sock.send(out_data)" in source(simple_websocket.ws.Base.send)


def test_socketio_hands_a_room_out_as_pairs_and_finds_connections_by_either_id():
    """`SocketIO.send_packets`."""
    manager = socketio.base_manager.BaseManager
    assert "yield from participants.items()" in source(manager.get_participants)
    assert callable(manager.eio_sid_from_sid)
    assert callable(manager.sid_from_eio_sid)
    assert callable(socketio.Server._send_eio_packet)


def test_flask_socketio_makes_its_server_in_init_app():
    assert "self.server = socketio.Server(**self.server_options)" in source(flask_socketio.SocketIO.init_app)
