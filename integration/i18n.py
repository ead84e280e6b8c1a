"""Texts, plurals, dates and numbers in Russian, Ukrainian and English; no request is needed.

Message ids are English sentences with ``{named}`` places. The catalogues are gettext ``.po`` files, read as
they are: a fresh clone works without a build step (product.md P6, S4).
"""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Literal

from babel import Locale, dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LANGUAGES = ("ru", "uk", "en")
DEFAULT = "en"
LOCALES = Path(__file__).parent / "locales"
MINUS = "\u2212"  # as wide as the plus, and no line ends behind it
Style = Literal["short", "medium", "long", "full"]

NAMES = {"ru": "Русский", "uk": "Українська", "en": "English"}  # each in its own language
_LOCALE_OF = {"ru": "ru_RU", "uk": "uk_UA", "en": "en_GB"}
_FROM_PORTAL = {"ru": "ru", "ua": "uk", "uk": "uk", "en": "en", "by": "ru", "kz": "ru"}


def mark(message: str) -> str:
    """The message itself. Marks a text that is looked up later by variable, so that it is collected."""
    return message


def text(language: str, message: str, /, **values: object) -> str:
    """A message in a language with its places filled; the English message if the catalogue lacks it.

    Raises `KeyError` if a place of the message has no value.
    """
    found = catalogue(language).gettext(message)
    return found.format(**values) if values else found


def plural(language: str, one: str, many: str, n: int, /, **values: object) -> str:
    """A message that depends on a number; ``{n}`` stands for the number as the language writes it."""
    found = catalogue(language).ngettext(one, many, n)
    return found.format(n=number(language, n), **values)


def day(language: str, value: date, style: Style = "long") -> str:
    """A calendar day, e.g. "22 November 2026". A moment must be brought to its zone first.

    The long style leaves out the abbreviated word for "year" of Russian and Ukrainian, whose full stop would
    meet that of the sentence.
    """
    return dates.format_date(value, "d MMMM y" if style == "long" else style, locale=locale(language))


def moment(language: str, value: datetime, zone: tzinfo, style: Style = "medium") -> str:
    """An aware moment as a person in `zone` writes it."""
    return dates.format_datetime(value, style, tzinfo=zone, locale=locale(language))


def number(language: str, value: int | float | Decimal, decimals: int = 0) -> str:
    """A number with the language's separators, exactly `decimals` digits behind the point, and a true minus."""
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    return numbers.format_decimal(value, format=pattern, locale=locale(language)).replace("-", MINUS)


def money(language: str, value: int | float | Decimal, currency: str) -> str:
    """A sum without its hundredths, e.g. "1 250 000 ₽"; a bare number without a currency (ISO code)."""
    if not currency:
        return number(language, value)
    symbol = numbers.get_currency_symbol(currency, locale(language))
    before = known(language) == "en" and not symbol.isalpha()
    pattern = "¤#,##0" if before else "#,##0\u00a0¤"
    return numbers.format_currency(value, currency, pattern, locale(language), currency_digits=False)


def known(language: str, default: str = DEFAULT) -> str:
    """A language we speak: the given ISO code (a region is ignored) or the default."""
    base = language.replace("_", "-").split("-")[0].lower()
    return base if base in LANGUAGES else default


def language_of(portal_code: str, default: str = DEFAULT) -> str:
    """Our language for a Bitrix24 code; theirs are not ISO: ``ua`` is Ukrainian (bitrix24.md 15.7)."""
    return _FROM_PORTAL.get(portal_code.lower().strip(), default)


def portal_code(language: str) -> str:
    """The Bitrix24 code of one of our languages (bitrix24.md 15.7)."""
    return "ua" if language == "uk" else known(language)


@lru_cache(maxsize=8)
def locale(language: str) -> Locale:
    """The Babel locale of one of our languages."""
    return Locale.parse(_LOCALE_OF[known(language)])


@lru_cache(maxsize=8)
def catalogue(language: str) -> Translations:
    """The texts of one of our languages, read once per process."""
    with (LOCALES / known(language) / "LC_MESSAGES" / "messages.po").open("rb") as file:
        source = read_po(file, locale=known(language))
    binary = BytesIO()
    write_mo(binary, source)
    binary.seek(0)
    return Translations(binary)
