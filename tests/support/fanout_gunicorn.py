"""gunicorn's settings for `fanout_rooms.py`: of the product there is only the eventlet worker."""

import gunicorn.workers as _workers

_workers.SUPPORTED_WORKERS.setdefault("eventlet", "api.gunicorn_worker.EventletWorker")

threads = 20
graceful_timeout = 5
control_socket_disable = True
