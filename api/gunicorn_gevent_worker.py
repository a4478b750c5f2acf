"""gunicorn's gevent worker, which hangs up on idle connections and streams when it stops.

As it comes it waits for them until `graceful_timeout` is over: behind a proxy that keeps its connections, at each stop.
`gunicorn.conf.py` puts it in the place of `-k gevent`.
"""

from __future__ import annotations

from typing import Any

import gevent
from gunicorn.workers import ggevent

from api.serving.connections import Connections

LOOK_SECONDS = 0.1
"""How soon a worker that was told to stop begins to hang up."""


class GeventWorker(ggevent.GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    def run(self) -> None:
        self._connections = Connections()
        gevent.spawn(self._hang_up_at_the_end)
        super().run()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        with self._connections.holding(client):
            super().handle(listener, client, addr)

    def _hang_up_at_the_end(self) -> None:
        while self.alive:
            gevent.sleep(LOOK_SECONDS)
        while True:  # it may take a second until no more are accepted
            self._connections.drain(gevent.sleep)
            gevent.sleep(LOOK_SECONDS)
