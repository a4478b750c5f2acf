"""The thread that tells connections of the list what moves.

What moves is noted by task, the later in place of the earlier, so that nothing that waits grows with the number of
events. A connection without room keeps its notes, and is told once it has some. A task that is new to one is looked
up in the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from api import metrics
from api.delivery.devices.connection import Connection
from api.delivery.devices.inbox import Inbox, Moves
from api.delivery.devices.teller import Teller
from api.delivery.everything import Everything
from api.errors import RuncastError
from api.fanout import SocketIO
from api.log import get_logger
from api.runtime.base import Runtime
from api.services.devices import Devices, Named

_log = get_logger(__name__)
LISTED = 1000
"""The newest tasks that a newcomer is told of."""
MOST_BEHIND = 1000
"""Tasks that may move while a connection has no room; with more its list is sent anew."""
PAGE = 100
"""Tasks looked up at a time."""
STRIDE = 50
"""Connections that are told something before all else has its turn."""
ROOM_SECONDS = 0.1
"""How often it is looked whether a full connection has room again."""
RETRY_SECONDS = 0.5


class Pump:
    def __init__(
        self, inbox: Inbox, everything: Everything, devices: Devices, socketio: SocketIO, runtime: Runtime
    ) -> None:
        self._inbox = inbox
        self._everything = everything
        self._devices = devices
        self._socketio = socketio
        self._runtime = runtime
        self._newcomers: dict[Connection, None] = {}
        """Who has no list yet, or is to have a new one."""
        self._listed: dict[Connection, None] = {}

    def run(self, over: Callable[[], bool]) -> None:
        """Until nobody is there and `over()`."""
        while not self._survived(lambda: self._everything.enter(self._inbox)):
            pass
        while True:
            self._survived(self._turn)
            self._listed = dict.fromkeys(each for each in self._listed if each.here)
            self._newcomers = dict.fromkeys(each for each in self._newcomers if each.here)
            if not (self._listed or self._newcomers) and over():
                break
        self._everything.leave(self._inbox)

    def _survived(self, work: Callable[[], None]) -> bool:
        """Whatever happens, the list goes on; what was not told is told by the next turn."""
        try:
            work()
        except RuncastError as error:
            metrics.failure("devices")
            _log.warning("devices_delayed", reason=error.message)
        except Exception:  # noqa: BLE001  a bug of ours must not end everybody's list
            metrics.failure("devices")
            _log.exception("devices_failed")
        else:
            return True
        self._runtime.sleep(RETRY_SECONDS)
        return False

    def _turn(self) -> None:
        waits = self._newcomers or any(each.behind for each in self._listed)
        moves, newcomers = self._inbox.take(ROOM_SECONDS if waits else None)
        self._newcomers |= dict.fromkeys(newcomers)
        self._note(moves)
        self._list()
        self._tell()

    def _note(self, moves: Moves) -> None:
        for task_id, moved in moves.items():
            for connection in self._listed:
                if connection.sees(moved.owner):
                    connection.note(task_id, moved)
        for connection in [each for each in self._listed if len(each.behind) > MOST_BEHIND and not each.has_room()]:
            metrics.BEHIND.inc()
            connection.forget()
            del self._listed[connection]
            self._newcomers[connection] = None

    def _list(self) -> None:
        """Whatever is committed before the journal is read here, the list has; what comes later, the inbox."""
        ready = [each for each in self._newcomers if each.here and each.has_room()]
        newest = {who: self._devices.active(who, limit=LISTED) for who in {each.visible_to for each in ready}}
        teller = Teller(self._socketio)
        for connection in self._by_and_by(ready):
            teller.list_to(connection, newest[connection.visible_to])
            del self._newcomers[connection]
            self._listed[connection] = None

    def _tell(self) -> None:
        teller = Teller(self._socketio)
        found: dict[str, Named | None] = {}
        while True:
            missing: dict[str, None] = {}
            for connection in self._by_and_by([each for each in self._listed if each.behind and each.here]):
                missing |= dict.fromkeys(teller.tell(connection, found))
            if not missing:
                return
            page = list(islice(missing, PAGE))
            named = self._devices.named(page)
            found = {task_id: named.get(task_id) for task_id in page}

    def _by_and_by(self, connections: Iterable[Connection]) -> Iterable[Connection]:
        for count, connection in enumerate(connections, 1):
            yield connection
            if count % STRIDE == 0:
                self._runtime.sleep(0)
