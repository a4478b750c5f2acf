"""For an HTTP server: `gunicorn -c gunicorn.conf.py -k eventlet -w 1 -b 127.0.0.1:5000 wsgi:app`."""

from api.server import app, runcast

runcast().start()

__all__ = ["app"]
