"""How this process waits: the one place that knows eventlet, gevent and plain threads apart.

`patch.py` is for the first lines of a process' entry, `choose.py` for everybody else. Everything above
asks a `Runtime` and never names an async mode.
"""
