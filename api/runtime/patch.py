"""Monkey-patching, before anything else is imported. Importing this module patches nothing."""

from __future__ import annotations

import warnings

from api.errors import ConfigError

MODES = ("eventlet", "gevent", "threading")


def patch(mode: str) -> None:
    """Patch this process for `mode`; call it before any other import. `ConfigError` for an unknown mode."""
    if mode == "eventlet":
        warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
        import eventlet

        eventlet.monkey_patch()
    elif mode == "gevent":
        try:
            from gevent import monkey
        except ImportError:
            raise ConfigError("RUNCAST_ASYNC_MODE=gevent needs the package gevent: pip install gevent") from None
        monkey.patch_all()
    elif mode != "threading":
        raise ConfigError(f"RUNCAST_ASYNC_MODE={mode!r}: must be one of {', '.join(MODES)}")
