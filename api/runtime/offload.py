"""Run something that blocks (files, a slow library) in a native thread while the hub goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from api.runtime.base import Runtime

T = TypeVar("T")


def offload(runtime: Runtime, work: Callable[[], T]) -> T:
    """What `work` returns or raises; it runs outside the hub, so it must not log, count or emit."""
    done = runtime.waiter()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  handed to the caller whatever it is: nothing is swallowed
            errors.append(error)
        finally:
            done.set()

    runtime.start_native(run, "runcast-offload")
    done.wait()
    if errors:
        raise errors[0]
    return results[0]
