"""A loop that does what is to be done, then sleeps until it is nudged or its time has come."""

from __future__ import annotations

from abc import ABC, abstractmethod

from api import metrics
from api.errors import RuncastError
from api.log import get_logger
from api.runtime.base import Runtime

_log = get_logger(__name__)


class NudgedLoop(ABC):
    """An `api.lifecycle.Loop`: whatever the journal does, it goes on; what goes wrong is counted and logged."""

    name: str
    """In metrics and logs."""
    retry_seconds: float
    """How long it waits after something went wrong."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._nudge = runtime.waiter()
        self._leaving = False

    def wake(self) -> None:
        """There may be something to do; from any thread."""
        self._nudge.set()

    def leave(self) -> None:
        self._leaving = True
        self._nudge.set()

    def run(self) -> None:
        """The loop of a background thread of its own."""
        while not self._leaving:
            self._nudge = self._runtime.waiter()
            seconds = self.retry_seconds
            try:
                seconds = self.step()
            except RuncastError as error:
                metrics.failure(self.name)
                _log.warning(f"{self.name}_delayed", reason=error.message)
            except Exception:  # noqa: BLE001  without the loop nothing of its kind would happen again
                metrics.failure(f"{self.name}_broken")
                _log.exception(f"{self.name}_broken")
            self._nudge.wait(seconds)

    @abstractmethod
    def step(self) -> float:
        """Do what is to be done; how many seconds to wait for a nudge then."""
