"""Which runtime this process has: the one it was patched for, else plain threads."""

from __future__ import annotations

import importlib
import sys
from functools import cache

from api.runtime.base import Runtime
from api.runtime.threads import ThreadRuntime

_HUBS = {"eventlet": "api.runtime.eventlet_hub:EventletRuntime", "gevent": "api.runtime.gevent_hub:GeventRuntime"}


def patched_mode() -> str:
    """The mode that this process was patched for, by us or by its HTTP server."""
    if "eventlet.patcher" in sys.modules and sys.modules["eventlet.patcher"].is_monkey_patched("thread"):
        return "eventlet"
    if "gevent.monkey" in sys.modules and sys.modules["gevent.monkey"].is_module_patched("threading"):
        return "gevent"
    return "threading"


@cache
def current_runtime() -> Runtime:
    """The process' only runtime; the first call makes it, on the thread that will be the hub."""
    mode = patched_mode()
    if mode == "threading":
        return ThreadRuntime()
    module, name = _HUBS[mode].split(":")
    runtime: Runtime = getattr(importlib.import_module(module), name)()
    return runtime
