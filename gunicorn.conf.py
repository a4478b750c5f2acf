"""gunicorn's settings: one process per port, checked before it listens.

gunicorn -c gunicorn.conf.py -k eventlet -w 1 -b 127.0.0.1:5000 wsgi:app
"""

import gunicorn.workers as _workers

# gunicorn 26 dropped its eventlet worker; ours has its name.
_workers.SUPPORTED_WORKERS.setdefault("eventlet", "api.gunicorn_worker.EventletWorker")

bind = ["127.0.0.1:5000"]
workers = 1
worker_class = "eventlet"
worker_connections = 20000  # each WebSocket and each stream holds one for as long as it lives
keepalive = 75  # longer than nginx keeps its idle connections
graceful_timeout = 15
timeout = 60
control_socket_disable = True  # else a socket appears in the home folder


def on_starting(server):
    """Refuse what cannot work, with the reason, before a port is opened."""
    from api.access.deployment import check_deployment
    from api.errors import ConfigError

    hosts = [address[0] for address in server.cfg.address if isinstance(address, tuple)]
    try:
        check_deployment(workers=server.cfg.workers, hosts=hosts)
    except ConfigError as error:
        raise SystemExit(f"runcast: {error}") from None


def post_worker_init(worker):
    """Start running tasks with the process, not with the first request."""
    from api.server import runcast

    runcast().start()


def worker_exit(server, worker):
    """End running tasks within the grace and close the journal."""
    from api.server import runcast

    runcast().stop()
