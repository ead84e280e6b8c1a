"""For those who start gunicorn themselves: `gunicorn wsgi:app`. `molva web` uses the same values."""

from integration.server import OPTIONS

globals().update(OPTIONS)
