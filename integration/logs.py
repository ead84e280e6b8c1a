"""Structured logs: one line per event, portal and request ids bound, secrets never (product.md T6, T8)."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

SECRET_NAMES = re.compile(
    r"(token|secret|password|passwd|authorization|auth_id|refresh_id|cookie|api_?key)", re.I
)
SECRET_PARTS = re.compile(
    r"(?P<name>(?:access_token|refresh_token|client_secret|application_token|auth|AUTH_ID|REFRESH_ID|code|password)"
    r"(?:\]|%5D)?=)[^&\s\"']+"
)
URL_PASSWORD = re.compile(r"(?P<scheme>[a-z+]+://[^/\s:@]*:)[^@/\s]+@")
PERSONAL_PATHS = re.compile(r"(?P<path>/(?:s|u|d|calls)/)[A-Za-z0-9_-]{8,}")
WEBHOOK_PATHS = re.compile(r"(?P<path>/rest/\d+/)[A-Za-z0-9]{8,}")
MASK = "***"
REQUEST = "request"  # what the id of a request is called in every line it causes

Event = MutableMapping[str, Any]


def clean(text: str) -> str:
    """The same text with secrets, personal links and webhook codes masked."""
    text = SECRET_PARTS.sub(rf"\g<name>{MASK}", text)
    text = URL_PASSWORD.sub(rf"\g<scheme>{MASK}@", text)
    text = PERSONAL_PATHS.sub(rf"\g<path>{MASK}", text)
    return WEBHOOK_PATHS.sub(rf"\g<path>{MASK}", text)


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """Mask values whose name says they are secret, and secrets inside texts, at any depth."""
    return {name: _redacted(name, value) for name, value in event.items()}


def _redacted(name: str, value: Any) -> Any:
    if SECRET_NAMES.search(name) and value not in (None, "", 0, False) and not isinstance(value, bool):
        return MASK
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {str(key): _redacted(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted("", inner) for inner in value]
    return value


def configure(level: str = "info", form: str = "text") -> None:
    """Send all logs of this process, the libraries' included, to standard error in one form."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)  # a tick still under way is no news
    for noisy in ("apscheduler", "urllib3", "alembic", "werkzeug"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def request_id() -> str:
    """The id of the request, or of the background work, that this thread is at; empty outside of both."""
    return str(structlog.contextvars.get_contextvars().get(REQUEST, ""))[:64]


def log(name: str) -> Any:
    """A logger for a module: `log(__name__).info("letters.sent", portal=3, count=12)`."""
    return structlog.stdlib.get_logger(name)
