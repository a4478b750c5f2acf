"""Health: which parts of this process work right now."""

from __future__ import annotations

from collections.abc import Callable

from api import metrics
from api.errors import RuncastError
from api.log import get_logger

_log = get_logger(__name__)
OK = "ok"

Check = Callable[[], str]


class Readiness:
    """Named checks; each returns `ok` or a sentence on what is wrong."""

    def __init__(self, checks: dict[str, Check]) -> None:
        self._checks = checks

    def __call__(self) -> dict[str, str]:
        return {name: _run(name, check) for name, check in self._checks.items()}


def _run(name: str, check: Check) -> str:
    try:
        return check()
    except RuncastError as error:
        metrics.failure("readiness")
        _log.warning("not_ready", part=name, reason=error.message)
        return error.message
