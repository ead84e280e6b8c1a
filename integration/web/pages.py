"""What every page shares: language, templates' helpers, versioned assets, security headers (product.md S2, P3)."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Blueprint, Flask, Response, g, render_template, request, url_for

from integration import i18n
from integration.services.card_texts import name_said

STATIC = Path(__file__).parent / "static"
PUBLIC_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}

blueprint = Blueprint(
    "pages", __name__, template_folder="templates", static_folder="static", static_url_path="/assets"
)


def register(app: Flask) -> None:
    """Add the templates' helpers and the headers to every answer of the application."""
    app.context_processor(_helpers)
    app.after_request(_headers)


def choose_language(*wishes: str | None) -> str:
    """The first of the wishes we speak, else the browser's, else English; remembered for this request."""
    chosen = next((wish for wish in wishes if wish in i18n.LANGUAGES), None)
    g.language = chosen or request.accept_languages.best_match(i18n.LANGUAGES) or i18n.DEFAULT
    return str(g.language)


def language() -> str:
    """The language of this request."""
    return str(g.language) if "language" in g else choose_language()


def say(message: str, /, **values: object) -> str:
    """A text of the catalogue in the language of this request."""
    return i18n.text(language(), message, **values)


def show(template: str, status: int = 200, **values: Any) -> Response:
    """A rendered page with a status."""
    return Response(render_template(template, **values), status, mimetype="text/html")


def frame_policy(portal_origin: str, script_url: str = "") -> str:
    """The content policy of a page that is shown inside one portal only (bitrix24.md 9.3).

    `portal_origin` is that of the verified portal, e.g. `https://portal.example`; `script_url` the portal's
    frame script, where the page uses it.
    """
    return (
        f"default-src 'none'; style-src 'self'; script-src 'self' {script_url}; img-src 'self'; "
        f"connect-src 'self' {portal_origin}; frame-src 'self'; form-action 'self'; "
        f"frame-ancestors 'self' {portal_origin}; base-uri 'none'"
    ).replace(" ;", ";")


def _helpers() -> dict[str, Any]:
    code = language()
    return {
        "lang": code,
        "languages": tuple(i18n.NAMES.items()),
        "t": say,
        "n": lambda one, many, count, **values: i18n.plural(code, one, many, count, **values),
        "asset": _asset,
        "day": day_text,
        "moment": moment_text,
        "num": number_text,
        "money": money_text,
        "share": share_text,
        "said": name_said,
    }


def zone() -> tzinfo:
    """The time zone of the portal this request belongs to; UTC outside of a portal's pages."""
    try:
        return ZoneInfo(g.get("time_zone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def day_text(value: date | None, style: i18n.Style = "long") -> str:
    """A day as people write it; of a moment, the day it was in the portal's zone. Nothing for nothing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = value.astimezone(zone()).date()
    return i18n.day(language(), value, style)


def moment_text(value: datetime | None, style: i18n.Style = "short") -> str:
    """An aware moment in the portal's zone. Nothing for nothing."""
    return i18n.moment(language(), value, zone(), style) if value is not None else ""


def number_text(value: float | Decimal | None, decimals: int = 0) -> str:
    """A number with the language's separators; a dash for nothing."""
    return "—" if value is None else i18n.number(language(), value, decimals)


def money_text(value: float | Decimal | None, currency: str = "") -> str:
    """A sum of money without kopecks, in the portal's base currency (ISO code); a dash for nothing."""
    return "—" if value is None else i18n.money(language(), value, currency)


def share_text(value: float | None, decimals: int = 0) -> str:
    """A share, 0…1, as a percentage; a dash for nothing."""
    return "—" if value is None else f"{i18n.number(language(), 100 * value, decimals)}\u00a0%"


def _asset(name: str) -> str:
    return url_for("pages.static", filename=name, v=_version(name))


@lru_cache(maxsize=32)
def _version(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:8]


def _headers(response: Response) -> Response:
    for name, value in ALWAYS.items():
        response.headers.setdefault(name, value)
    if request.endpoint == "pages.static" and response.status_code in (200, 304):
        fresh = request.args.get("v") == _version(str((request.view_args or {}).get("filename")))
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if fresh else "no-cache"
        return response
    response.headers["Cache-Control"] = "no-store"
    if "Content-Security-Policy" not in response.headers:
        response.headers["Content-Security-Policy"] = PUBLIC_POLICY
        response.headers["X-Frame-Options"] = "DENY"
    return response
