"""Refusals of the portal, with the code, text and HTTP status that bitrix24.md names."""

from __future__ import annotations

from typing import Any


class RestError(Exception):
    """An answer ``{"error": code, "error_description": text}`` with an HTTP status.

    ``code`` may be empty or a number, as on the platform (bitrix24.md 4.2); ``extra`` are further keys of
    the answer.
    """

    def __init__(self, code: str | int, text: str, status: int = 400, **extra: Any) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.status = status
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """The answer's JSON without the ``time`` block."""
        return {"error": self.code, "error_description": self.text, **self.extra}


class ConnectionCut(Exception):
    """The portal does not answer (a fault, or a request over its time). ``how``: the connection is closed,
    "reset", or left silent until the caller gives up ("hang")."""

    def __init__(self, reason: str, how: str = "close") -> None:
        super().__init__(reason)
        self.how = how


def not_found(text: str = "Element not found") -> RestError:
    """``NOT_FOUND``: the same code for a wrong kind and a wrong id, other text (bitrix24.md 7.4)."""
    return RestError("NOT_FOUND", text)


def access_denied(text: str = "Access denied", status: int = 400) -> RestError:
    """``ACCESS_DENIED`` of the crm methods (HTTP 400) or of the system (403)."""
    return RestError("ACCESS_DENIED", text, status)


def empty_code(text: str) -> RestError:
    """The old methods' refusal: an empty code, the text is the only information."""
    return RestError("", text)


def invalid_arg(text: str) -> RestError:
    """``INVALID_ARG_VALUE`` of list filters and empty comments."""
    return RestError("INVALID_ARG_VALUE", text)


def missing_parameter(name: str) -> RestError:
    """Code "100": a required parameter is absent."""
    return RestError("100", f"Could not find value for parameter {{{name}}}")
