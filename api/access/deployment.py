"""What an HTTP server in front of the application must not do."""

from __future__ import annotations

from collections.abc import Sequence

from api.config import is_loopback, load_settings, public_bind_message
from api.errors import ConfigError


def check_deployment(*, workers: int, hosts: Sequence[str]) -> None:
    """`ConfigError` for more than one worker on a port, or an address that everybody can reach.

    `hosts` are the addresses that the server is about to listen on.
    """
    settings = load_settings()
    if workers > 1:
        raise ConfigError(
            f"refusing to start {workers} workers on one port: a client's requests would reach another process "
            "than the one that holds its session. Start with -w 1; for more, start several servers on ports of "
            "their own behind nginx"
        )
    for host in hosts:
        if not settings.open and not is_loopback(host):
            raise ConfigError(public_bind_message(host))
