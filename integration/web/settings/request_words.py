"""The log of requests in words: what came of one, sizes and times as people write them (bitrix24.md 4.3)."""

from __future__ import annotations

from integration import i18n
from integration.i18n import mark
from integration.services.request_pages import Entry
from integration.web.pages import language, number_text, say

SLOW = 10.0  # seconds; a request dies at sixty (bitrix24.md 5.2)
NEARLY, FULL = 0.8, 0.97  # of an execution budget
BY = {
    "click": mark("click"),
    "background": mark("background"),
    "event": mark("notice"),
}
CODES = {
    "query_limit_exceeded": mark("Too many requests at once; Molva slows down and asks again by itself."),
    "operation_time_limit": mark("The execution time for this method is used up for now; it goes on by itself."),
    "overload_limit": mark("Bitrix24 has stopped all requests; only its support can lift that."),
    "expired_token": mark("The key had run out; a new one is fetched by itself."),
    "invalid_token": mark("Bitrix24 does not accept the key any more."),
    "invalid_grant": mark("The key cannot be renewed; an administrator has to open Molva once."),
    "insufficient_scope": mark("The application lacks a right; see the set-up."),
    "access_denied": mark("Bitrix24 does not let the application do this."),
    "not_found": mark("There is no such card any more."),
    "application_not_found": mark("The application is not in this Bitrix24 any more."),
    "payment_required": mark("The plan of this Bitrix24 does not let applications in at the moment."),
    "rest_unavailable": mark("The plan of this Bitrix24 does not let applications in at the moment."),
    "error_method_not_found": mark("This Bitrix24 does not know the method."),
    "internal_server_error": mark("A fault inside Bitrix24; Molva tries again by itself."),
    "read_timeout": mark("No answer within a minute; Molva looks what came of it."),
    "connect_timeout": mark("Bitrix24 could not be reached."),
    "no_connection": mark("Bitrix24 could not be reached."),
    "connection_lost": mark("The connection broke before the answer came."),
    "malformed": mark("The answer could not be read."),
    "moved": mark("The Bitrix24 has a new address."),
}  # fmt: skip
METHODS = {
    "batch": mark("several calls in one request"),
    "oauth.token": mark("renewal of the key"),
    "oauth.app.info": mark("proof of who asks"),
}


def method(name: str) -> str:
    """What a method is that is not one of the portal's; empty for the others."""
    return say(METHODS[name]) if name in METHODS else ""


def by(code: str) -> str:
    """Whose wish it was."""
    return say(BY.get(code, BY["background"]))


def result(one: Entry) -> dict[str, str]:
    """What came of a request: a word, its tone, the code and what it means."""
    line = say(CODES[one.code.lower()]) if one.code.lower() in CODES else ""
    if one.failed:
        total = sum(count for _, count in one.inner)
        word = i18n.plural(
            language(), "{n} of {of} refused", "{n} of {of} refused", one.failed, of=number_text(total)
        )
        return {"word": word, "tone": "warn", "code": one.code, "line": line}
    if one.status == 0:
        return {"word": say("no answer"), "tone": "danger", "code": one.code, "line": line}
    tone = "danger" if one.code else "neutral"
    return {"word": str(one.status), "tone": tone, "code": one.code, "line": line}


def seconds(value: float) -> str:
    """A time as people read it: milliseconds up to a second, then seconds."""
    if value < 0.9995:
        return say("{number} ms", number=number_text(value * 1000))
    return say("{number} s", number=number_text(value, 1 if value < 100 else 0))


def size(value: int) -> str:
    """A size in bytes, kilobytes of 1,024 bytes, or megabytes."""
    if value < 1024:
        return say("{number} B", number=number_text(value))
    if value < 1024 * 1024:
        return say("{number} KB", number=number_text(value / 1024))
    return say("{number} MB", number=number_text(value / 1024 / 1024, 1))


def tone(used: float) -> str:
    """How full a budget is, as a tone."""
    return "danger" if used >= FULL else "warn" if used >= NEARLY else ""
