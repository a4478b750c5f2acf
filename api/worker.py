"""`python -m api.worker FD`: the process in which a task runs. FD is a socket to its supervisor.

Nothing of the server is imported here: no eventlet, Flask, SQLAlchemy or Socket.IO.
"""

from __future__ import annotations

import sys

from api.execution.child import serve


def main() -> None:
    descriptor = int(sys.argv[1])
    del sys.argv[1:]  # workloads may read the arguments, and these are not theirs
    serve(descriptor)


if __name__ == "__main__":
    main()
