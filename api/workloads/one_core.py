"""Keeps one task on about one core."""

from __future__ import annotations

import os

_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def limit_threads() -> None:
    """Ask the linear algebra libraries for one thread each, unless the operator has said otherwise.

    They read these variables once, when they are loaded: a process that imported NumPy before keeps its threads.
    """
    for name in _VARIABLES:
        os.environ.setdefault(name, "1")
