"""One call of a webhook, with real sockets."""

from __future__ import annotations

import socket
import threading

import pytest

from api.runtime.threads import ThreadRuntime
from api.webhook.call import Caller
from api.webhook.signature import signed
from api.webhook.target import Targets
from tests.support.receiver import Receiver


def a_caller(*private, resolve=lambda host, port: ["127.0.0.1"], **options):
    targets = Targets(private or ["127.0.0.1"])
    return Caller(ThreadRuntime(), targets, agent="test/1", resolve=resolve, **options)


class Raw:
    """A server of one connection, which does with it what the test says."""

    def __init__(self, serve):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._run, args=(serve,), daemon=True)

    def _run(self, serve):
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(65536)
            serve(connection)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._listener.close()
        self._thread.join(20)


def test_the_body_arrives_as_it_was_signed():
    with Receiver() as receiver:
        error = a_caller().call(receiver.url, b'{"a":1}', {"X-Runcast-Delivery": "d"})
    assert ("", 1) == (error, len(receiver.received))
    got = receiver.received[0]
    assert ("/hook?a=1", b'{"a":1}', "d") == (got.path, got.raw, got.headers["x-runcast-delivery"])
    assert ("application/json", "test/1") == (got.headers["content-type"], got.headers["user-agent"])
    assert f"127.0.0.1:{receiver.port}" == got.headers["host"]


def test_the_signature_is_the_hmac_of_time_and_body():
    """A known answer: `printf '1700000000.{}' | openssl dgst -sha256 -hmac secret`."""
    expected = "sha256=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
    assert expected == signed("secret", 1_700_000_000, b"{}")
    assert expected not in (signed("other", 1_700_000_000, b"{}"), signed("secret", 1_700_000_001, b"{}"))


def test_what_was_checked_is_what_is_connected_to():
    """The name is asked for once: another answer the next time comes to nothing."""
    asked = []

    def rebinding(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with Receiver() as receiver:
        url = receiver.url.replace("127.0.0.1", "hooks.example")
        assert "" == a_caller(resolve=rebinding).call(url, b"{}", {})
        assert ["hooks.example"] == asked
        assert f"hooks.example:{receiver.port}" == receiver.received[0].headers["host"]
        assert "127.0.0.2 is no public address" in a_caller(resolve=rebinding).call(url, b"{}", {})
    assert 1 == len(receiver.received)


def test_a_name_that_leads_to_a_private_address_is_not_called():
    with Receiver() as receiver:
        url = receiver.url.replace("127.0.0.1", "hooks.example")
        assert "127.0.0.1 is no public address" in a_caller("off").call(url, b"{}", {})
        mixed = a_caller("off", resolve=lambda host, port: ["1.1.1.1", "127.0.0.1"])
        assert "127.0.0.1 is no public address" in mixed.call(url, b"{}", {})
    assert [] == receiver.received


def test_the_next_address_is_tried_when_one_takes_no_connection():
    with Receiver() as receiver:
        caller = a_caller("on", resolve=lambda host, port: ["::1", "127.0.0.1"])
        assert "" == caller.call(receiver.url.replace("127.0.0.1", "hooks.example"), b"{}", {})
    assert 1 == len(receiver.received)


@pytest.mark.parametrize(
    ("status", "error"), [(200, ""), (204, ""), (404, "it answered 404"), (503, "it answered 503")]
)
def test_what_is_not_2xx_is_no_success(status, error):
    with Receiver() as receiver:
        receiver.status = status
        assert error == a_caller().call(receiver.url, b"{}", {})


def test_a_redirect_is_not_followed():
    with Receiver() as receiver:
        receiver.status, receiver.headers = 307, {"Location": "/elsewhere"}
        assert "it answered 307: redirects are not followed" == a_caller().call(receiver.url, b"{}", {})
    assert ["/hook?a=1"] == [each.path for each in receiver.received]


def test_nobody_there_and_no_such_name_are_told():
    receiver = Receiver()
    assert "Connection refused" == a_caller().call(receiver.url, b"{}", {})

    def unknown(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    assert "Name or service not known" in a_caller(resolve=unknown).call("http://nowhere.example/", b"{}", {})
    assert "its name has no address" in a_caller(resolve=lambda host, port: []).call("http://a.example/", b"{}", {})


def test_an_answer_that_comes_in_drops_is_cut_off():
    """Each drop is in time: it is the whole that takes too long."""
    gone = threading.Event()

    def drip(connection):
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not gone.wait(0.05):
                connection.sendall(b"X: 1\r\n")
        except OSError:
            gone.set()

    with Raw(drip) as raw:
        try:
            assert "there was no answer within 0.5 s" == a_caller(seconds=0.5).call(raw.url, b"{}", {})
            assert gone.wait(10)
        finally:
            gone.set()


def test_of_an_answer_without_end_the_head_is_enough():
    def flood(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x" * 65536)
        except OSError:
            return

    with Raw(flood) as raw:
        assert "" == a_caller().call(raw.url, b"{}", {})


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 \xff\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200]
)
def test_what_does_not_speak_http_is_told(answer):
    with Raw(lambda connection: connection.sendall(answer)) as raw:
        error = a_caller().call(raw.url, b"{}", {})
    assert error
    assert "broke off" not in error


def test_over_tls_the_name_is_verified_although_the_address_is_called(certificate, monkeypatch):
    """The certificate is for 127.0.0.1 alone."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    with Receiver(certificate) as receiver:
        assert "" == a_caller().call(receiver.url, b"{}", {})
        other = receiver.url.replace("127.0.0.1", "hooks.example")
        assert "CERTIFICATE_VERIFY_FAILED" in a_caller().call(other, b"{}", {}).replace(" ", "_").upper()
        monkeypatch.delenv("SSL_CERT_FILE")
        assert "SSLCertVerificationError" in a_caller().call(receiver.url, b"{}", {})
    assert 1 == len(receiver.received)
