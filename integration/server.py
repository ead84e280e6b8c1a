"""gunicorn with our values, for `molva web` and `molva serve`."""

from __future__ import annotations

import logging
import threading
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from integration.app import build, create_app
from integration.config import Config
from integration.logs import clean
from integration.worker import clock


class Masked(logging.Formatter):
    """Lines without secrets and personal links."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, masked as a whole."""
        return clean(super().format(record))


class MaskedLogger(Logger):  # type: ignore[misc]  # gunicorn brings no types
    """gunicorn's own lines name addresses of answer pages when something fails and at the level `debug`."""

    def setup(self, cfg: Any) -> None:
        """Let gunicorn set its handlers up, then mask what they write."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(Masked(self.error_fmt, self.datefmt))


OPTIONS: dict[str, Any] = {
    "logger_class": MaskedLogger,
    "worker_class": "gthread",
    "threads": 4,
    "timeout": 90,  # longer than the longest request to a portal, which dies at 60 seconds
    "graceful_timeout": 30,
    "keepalive": 5,
    "max_requests": 10_000,
    "max_requests_jitter": 1_000,
    "control_socket_disable": True,  # several installations on one machine must not share a socket in the home folder
    "accesslog": None,  # addresses of answer pages are personal; the proxy in front keeps the access log
    "limit_request_line": 4094,
    "forwarded_allow_ips": "127.0.0.1",
}


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn brings no types
    """gunicorn without its command line. The application is built in each process, after the fork."""

    def __init__(self, config: Config, options: dict[str, Any], with_worker: bool) -> None:
        self._config = config
        self._options = options
        self._with_worker = with_worker
        super().__init__()

    def load_config(self) -> None:
        """Hand our options to gunicorn."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the application, and start the ticks beside it when asked to."""
        application = build(self._config)
        if self._with_worker:
            clock.start(
                application.deps, fast=self._config.test_clock is not None, stopping=threading.Event()
            )
        return create_app(application)


def serve_web(config: Config, bind: str, workers: int, *, with_worker: bool = False) -> None:
    """Listen on `bind` until stopped."""
    options = OPTIONS | {"bind": bind, "workers": workers, "loglevel": config.log_level}
    if with_worker:
        options |= {"threads": 8, "max_requests": 0, "max_requests_jitter": 0}
    Server(config, options, with_worker).run()
