"""`python tests/support/skewed_server.py <file>`: the server, with a wall clock that the file moves.

The file holds `<offset in seconds> [stopped]`: the offset is added to the time; a clock that is `stopped` tells
the moment at which the file was written, plus the offset, again and again.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])


def skewed(file: Path) -> datetime:
    text = file.read_text()
    now = datetime.fromtimestamp(os.stat(file).st_mtime, UTC) if "stopped" in text else datetime.now(UTC)
    return now + timedelta(seconds=float(text.split()[0]))


if __name__ == "__main__":
    from api.runtime.patch import patch

    patch(os.environ.get("RUNCAST_ASYNC_MODE", "eventlet"))

    import api.app
    from api.server import main

    api.app.utc_now = lambda: skewed(Path(sys.argv[1]))
    main()
