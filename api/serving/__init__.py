"""HTTP servers of our own process, one file per async mode; gunicorn is the other way."""
