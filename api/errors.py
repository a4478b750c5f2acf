"""Every error this package raises on purpose.

    RuncastError
    ├── InvalidInput            422  a value from outside is wrong; carries which and why
    ├── NotFound                404  no such thing, or not for this principal: the answer is the same
    ├── Forbidden               403  the principal may see it, but not do this to it
    ├── Conflict                409  the lifecycle or an idempotency key forbids it
    │   └── StaleLease          409  a report under a lease that is no longer the task's
    ├── Unavailable             503  a part the request needs is down: try again
    ├── ConfigError                  the settings contradict each other or the machine
    ├── WorkloadError                a workload cannot be loaded or broke its contract
    ├── TaskFailed                   raised by a workload: the task fails with this sentence, without a traceback
    ├── TaskCancelled                raised inside a workload when its task is cancelled
    └── ClientError                  raised by the Python clients
        ├── APIError                 the server answered with a problem (status, title, detail)
        └── ConnectionLost           the server cannot be reached

Each of the first six maps to one problem type of the REST API and to one `code` on the sockets.
The docstring of a class is its default message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class RuncastError(Exception):
    """Something went wrong."""

    code = "error"
    status = 500

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__class__.__doc__ or "").strip())

    @property
    def message(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Flaw:
    """One wrong value: where it stands (`loc`, outermost first) and what is wrong with it."""

    loc: tuple[str | int, ...]
    msg: str

    def as_dict(self) -> dict[str, Any]:
        return {"loc": list(self.loc), "msg": self.msg}


class InvalidInput(RuncastError):
    """A value is invalid."""

    code = "invalid"
    status = 422

    def __init__(self, message: str | None = None, flaws: Sequence[Flaw] = ()) -> None:
        super().__init__(message or "; ".join(_sentence(flaw) for flaw in flaws) or None)
        self.flaws = tuple(flaws)


def _sentence(flaw: Flaw) -> str:
    where = ".".join(str(part) for part in flaw.loc)
    return f"{where}: {flaw.msg}" if where else flaw.msg


class NotFound(RuncastError):
    """There is no such task."""

    code = "not_found"
    status = 404


class Forbidden(RuncastError):
    """You may not do this."""

    code = "forbidden"
    status = 403


class Conflict(RuncastError):
    """The present state does not allow this."""

    code = "conflict"
    status = 409


class StaleLease(Conflict):
    """The task has been given to another worker."""

    code = "stale_lease"


class Unavailable(RuncastError):
    """A part of the server is down; try again in a moment."""

    code = "unavailable"
    status = 503


class ConfigError(RuncastError):
    """The settings are wrong."""


class WorkloadError(RuncastError):
    """The workload is broken."""


class TaskFailed(RuncastError):
    """The task failed."""


class TaskCancelled(RuncastError):
    """The task was cancelled."""


class TaskPaused(TaskCancelled):
    """The task is paused and leaves its worker to others: it goes on later, elsewhere, from what it saved last."""


class ClientError(RuncastError):
    """The request could not be done."""


class APIError(ClientError):
    """The server refused the request."""

    def __init__(self, status: int, title: str, detail: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.problem = problem or {}


class ConnectionLost(ClientError):
    """The server cannot be reached."""
