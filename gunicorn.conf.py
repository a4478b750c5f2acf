"""gunicorn's settings: one process per port, checked before it listens.

gunicorn -c gunicorn.conf.py -k eventlet -w 1 -b 127.0.0.1:5000 wsgi:app
"""

import warnings as _warnings

import gunicorn.workers as _workers

_warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")

# gunicorn 26 dropped its eventlet worker; ours has its name.
_workers.SUPPORTED_WORKERS.setdefault("eventlet", "api.gunicorn_worker.EventletWorker")
# Its own waits for idle connections when it stops.
_workers.SUPPORTED_WORKERS["gevent"] = "api.gunicorn_gevent_worker.GeventWorker"

bind = ["127.0.0.1:5000"]
workers = 1
worker_class = "eventlet"
worker_connections = 20000  # each WebSocket and each stream holds one for as long as it lives
keepalive = 75  # longer than nginx keeps its idle connections
graceful_timeout = 15
timeout = 60
threads = 100  # of `-k gthread` only: each WebSocket and each stream holds one
sendfile = False  # it does not wait for an eventlet socket that is full: the file would arrive in part
control_socket_disable = True  # else a socket appears in the home folder


def on_starting(server):
    """Refuse what cannot work, with the reason, before a port is opened."""
    import subprocess
    import sys

    hosts = [address[0] for address in server.cfg.address if isinstance(address, tuple)]
    # In a process of its own: what it imports must not be in memory before a worker patches its locks.
    command = [sys.executable, "-m", "api.access.deployment", str(server.cfg.workers), *hosts]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(1)


def post_worker_init(worker):
    """Start running tasks with the process, not with the first request; tell clients as soon as it is to stop."""
    from api.server import runcast
    from api.serving.connections import allow_many, limit_stalls

    allow_many()
    made = runcast()
    for listener in worker.sockets:
        limit_stalls(getattr(listener, "sock", listener), made.settings.reader_patience_seconds)
    made.start()
    made.goodbye_while(lambda: not worker.alive)


def worker_exit(server, worker):
    """End running tasks within the grace and close the journal."""
    from api.server import stop

    stop()
