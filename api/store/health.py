"""Says once that the database is in trouble, and once that it is well again."""

from __future__ import annotations

from api import metrics
from api.log import get_logger
from api.runtime.base import Runtime

_log = get_logger(__name__)


class Health:
    """One for the writer, one for the readers: often only one of them is in trouble.

    Told by the native threads, so nothing is logged or counted here but posted to the hub.
    """

    def __init__(self, runtime: Runtime, role: str) -> None:
        self._runtime = runtime
        self._role = role
        self.down = False

    def failed(self, where: str, error: BaseException) -> None:
        """`where`: a short fixed name. Every failure is counted, the first one is logged."""
        self._runtime.post(metrics.failure, where)
        if not self.down:
            self.down = True
            self._runtime.post(_say_down, self._role, where, repr(error))

    def worked(self) -> None:
        if self.down:
            self.down = False
            self._runtime.post(_say_up, self._role)


def _say_down(role: str, where: str, error: str) -> None:
    _log.error("database_unavailable", to=role, where=where, error=error)


def _say_up(role: str) -> None:
    _log.info("database_available", to=role)
