"""Why a call or a letter is stuck, as codes for the catalogue (product.md B4)."""

from __future__ import annotations

import re

from integration.services.calls_queue import MISSING
from integration.store.outbox import NO_RIGHT

DOUBT = "unknown_outcome"
_METHODS = frozenset({"access", "batch", "profile", "scope"})  # names of methods without a point
_GONE = frozenset({"not_found", "error_not_found", "owner_not_found"})
_RIGHTS = frozenset(
    {
        "access_denied", "insufficient_scope", "invalid_scope", "wrong_auth_type", "method_confirm_denied",
        "method_confirm_waiting",
    }
)  # fmt: skip
_BUSY = frozenset(
    {"query_limit_exceeded", "operation_time_limit", "overload_limit", "paced", "renewal_under_way"}
)
_PLAIN = frozenset({"unreadable", DOUBT, "not_recorded", "failed", "breaks"})
_LETTER_WAITS = frozenset(
    {"hours", "hold", "pace", "wave_paused", "server_down", "no_server", "connection", "no_sender"}
)


def call_reason(error: str) -> tuple[str, str]:
    """Why a call failed or waits: a code for the catalogue, and what belongs to it.

    Codes: `fields_missing`, `field_ignored`, `unreadable`, `unknown_outcome`, `not_recorded`, `failed`, `gone`
    (the card), `breaks` (its requests), `rights`, `busy`, `away`, `refused` with the portal's words; empty for none.
    """
    head, _, rest = error.partition(": ")
    if not error or head in _PLAIN:
        return head, ""
    if head in (MISSING, "field_ignored"):
        return head, rest
    if head == NO_RIGHT:
        return "rights", ""
    if head == "gave_up":
        head, _, rest = rest.partition(": ")
    if "." not in head and head not in _METHODS:
        return _by_code(head.lower(), rest)
    known, _ = _by_code(rest.lower(), "")
    return ("away" if known == "refused" else known), ""


def _by_code(code: str, words: str) -> tuple[str, str]:
    if code in _GONE:
        return "gone", ""
    if code in _RIGHTS:
        return "rights", ""
    if code in _BUSY:
        return "busy", ""
    return "refused", re.sub(r"<[^>]*>", " ", words).strip()[:200] or code


_BY_PORTAL = {
    "portal_refused": "portal_refused", "no_employee": "portal_no_employee", "dismissed": "portal_dismissed",
    "no_card": "portal_no_card",
}  # fmt: skip


def letter_reason(status: str, error: str) -> tuple[str, str]:
    """Why a letter did not go: `in_doubt`, `address_refused`, `letter_refused`, `mail_gave_up` with the server's
    words; for one that waits `hours`, `hold`, `pace`, `wave_paused`, `server_down`, `no_server`, `connection`,
    `no_sender` (whoever signs it has left), `portal`, `later` with the server's words, and empty for none. By the
    portal's mail: `portal_unsent`, `portal_doubt`, `portal_refused`, `portal_no_employee`, `portal_dismissed`,
    `portal_no_card`."""
    head, _, rest = error.partition(" ")
    if status == "unknown":
        return "portal_unsent" if head == "send_error" else "in_doubt", ""
    if head == "in_doubt":
        return "portal_doubt", ""
    if head == "refused" and (by_portal := _BY_PORTAL.get(rest.partition(" ")[0])):
        return by_portal, ""
    if head in ("address_refused", "refused", "gave_up"):
        named = {"address_refused": "address_refused", "refused": "letter_refused", "gave_up": "mail_gave_up"}
        return named[head], rest[:200]
    if head in _LETTER_WAITS:
        return head, ""
    if head.startswith("portal_"):
        return "portal", ""
    return ("later", error[:200]) if error else ("", "")
