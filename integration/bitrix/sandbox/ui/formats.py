"""Numbers, money, days and moments as people read them, and BB code as safe markup."""

from __future__ import annotations

import re
from datetime import date, datetime
from urllib.parse import urlsplit

from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_currency, format_decimal
from markupsafe import Markup, escape

from ..values import Zone

_LOCALES = {"ru": "ru", "uk": "uk", "ua": "uk"}
_ENDS = {"b": Markup("</b>"), "url": Markup("</a>")}
_BB = re.compile(r"\[(/?)(b|url)(?:=([^\]\s]+))?\]", re.IGNORECASE)


def locale_of(language: str) -> str:
    """The locale of a portal's language."""
    return _LOCALES.get(language, "en_GB")


def money(amount: float, currency: str, language: str) -> str:
    """``120 000 ₽``: kopecks only where there are any."""
    pattern = None if float(amount or 0) % 1 else "#,##0 ¤"
    return str(
        format_currency(
            amount or 0, currency or "RUB", pattern, locale=locale_of(language), currency_digits=not pattern
        )
    )


def number(value: float, language: str) -> str:
    """A number with its thousands apart."""
    return str(format_decimal(value, locale=locale_of(language)))


def day(text: str, language: str) -> str:
    """``2026-01-12`` as people write it."""
    return str(format_date(date.fromisoformat(text[:10]), "d MMM y", locale=locale_of(language)))


def moment(epoch: float, zone: Zone, language: str, now: float = 0) -> str:
    """Seconds since the epoch in the portal's zone; today only the hour."""
    local = datetime.fromtimestamp(int(epoch), zone.zone)
    if now and local.date() == datetime.fromtimestamp(int(now), zone.zone).date():
        return str(format_time(local, "HH:mm", locale=locale_of(language)))
    return str(format_datetime(local, "d MMM y HH:mm", locale=locale_of(language)))


def bb(text: str) -> Markup:
    """Text with ``[B]`` and ``[URL]`` as markup; everything else is escaped, brackets stay as they are."""
    made: list[Markup] = []
    open_tags: list[str] = []
    at = 0
    for tag in _BB.finditer(text):
        made.append(escape(text[at : tag.start()]))
        at = tag.end()
        closing, name = bool(tag[1]), tag[2].lower()
        if closing:
            made.append(_close(open_tags, name, tag[0]))
        elif name == "b":
            open_tags.append("b")
            made.append(Markup("<b>"))
        else:
            made.append(_link(text, tag, open_tags))
    made.append(escape(text[at:]))
    made += [_ENDS[name] for name in reversed(open_tags)]
    return Markup("").join(made)


def _close(open_tags: list[str], name: str, source: str) -> Markup:
    if not open_tags or open_tags[-1] != name:
        return escape(source)
    open_tags.pop()
    return _ENDS[name]


def _link(text: str, tag: re.Match[str], open_tags: list[str]) -> Markup:
    """``[URL=address]``, ``[URL]address[/URL]``; an address that is none stays text."""
    end = text.lower().find("[/url]", tag.end())
    url = tag[3] or (text[tag.end() : end].strip() if end > 0 else "")
    if "url" in open_tags or end < 0 or not safe_url(url):
        return escape(tag[0])
    open_tags.append("url")
    inside = Markup("") if url.startswith("/") else Markup(' target="_blank" rel="noopener noreferrer"')
    return Markup('<a href="{}"{}>').format(url, inside)


def safe_url(url: str) -> bool:
    """An address of the web or a path of this portal."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme in ("http", "https"):
        return bool(parts.netloc)
    return not parts.scheme and url.startswith("/") and not url.startswith(("//", "/\\"))
