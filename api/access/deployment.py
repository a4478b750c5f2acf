"""What an HTTP server in front of the application must not do.

    python -m api.access.deployment WORKERS [HOST ...]

exits with the reason on stderr, or with 0 when it may start.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from api.config import OPEN_WARNING, is_loopback, load_settings, public_bind_message
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
    if settings.open:
        print(f"runcast: warning: {OPEN_WARNING}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> None:
    workers, *hosts = arguments
    try:
        check_deployment(workers=int(workers), hosts=hosts)
    except ConfigError as error:
        raise SystemExit(f"runcast: {error}") from None


if __name__ == "__main__":
    main(sys.argv[1:])
