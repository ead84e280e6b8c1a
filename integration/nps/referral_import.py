"""Reading a list of past referrals: client, referrer, date, and if there are source and note (product.md R).

A table is rows of texts, the first one the headings. Every row is understood or refused alone, by its number in
the file, the headings being row 1. Whom a text names is decided in `referral_matching`; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal
from urllib.parse import urlsplit

from .addresses import phone_key
from .past_answers import Unreadable, fold, parse_moment, places_of
from .people import CardKey
from .policy_checks import looks_like_address
from .questionnaire import clean_text

DayOrder = Literal["", "dmy", "mdy"]  # of dates with slashes; "": only those that can be read in one way
Kind = Literal["card", "email", "phone", "title", "elsewhere"]
LONGEST = 300  # characters of a name
LONGEST_NOTE = 500

#: Heading, folded, -> field.
HEADINGS: Mapping[str, str] = {
    **dict.fromkeys(
        ("client", "company", "company name", "newcomer", "new client", "referred client", "title", "клиент",
         "компания", "новый клиент", "кого порекомендовали", "кого рекомендовали", "клієнт", "компанія", "новий клієнт",
         "кого порадили"), "client"),
    **dict.fromkeys(("company id", "client id", "id компании", "id клиента", "id компанії", "id клієнта"),
                    "client_id"),
    **dict.fromkeys(
        ("referrer", "recommended by", "referred by", "who recommended", "from whom", "рекомендатель",
         "кто рекомендовал", "кто порекомендовал", "рекомендовал", "порекомендовал", "от кого", "рекомендодавець",
         "хто рекомендував", "хто порекомендував", "хто порадив", "рекомендував", "порекомендував",
         "від кого"), "referrer"),
    **dict.fromkeys(
        ("date", "day", "when", "date of recommendation", "дата", "дата рекомендации", "когда", "дата рекомендації",
         "коли"), "date"),
    **dict.fromkeys(
        ("source", "referral source", "источник", "источник рекомендации", "откуда", "джерело", "джерело рекомендації",
         "звідки"), "source"),
    **dict.fromkeys(
        ("note", "notes", "comment", "remark", "заметка", "примечание", "комментарий", "нотатка", "примітка",
         "коментар"), "note"),
}  # fmt: skip

_ORDINAL = date(1899, 12, 30)  # day 0 of a spreadsheet
_SERIAL = re.compile(r"([1-9]\d{4})(?:\.\d+)?")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?P<rest>[ T,].*)?")
_DOTTED = re.compile(
    r"(\d{1,2})[.-](\d{1,2})[.-](\d{4}|\d{2})(?:\s*(?:г\.?|р\.?|года|року))?(?P<rest>[ T,].*)?"
)
_WORDED = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?\.?\s+([^\W\d_]+)\.?,?\s+(\d{4})(?:\s*(?:г|р|года|року)\.?)?")
_AMERICAN = re.compile(r"([^\W\d_]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})")
_MONTHS: tuple[tuple[str, ...], ...] = (
    ("jan", "янв", "січ"), ("feb", "фев", "лют"), ("mar", "мар", "бер"), ("apr", "апр", "кві"),
    ("may", "май", "мая", "тра"), ("jun", "июн", "чер"), ("jul", "июл", "лип"), ("aug", "авг", "сер"),
    ("sep", "сен", "вер"), ("oct", "окт", "жов"), ("nov", "ноя", "лис"), ("dec", "дек", "гру"),
)  # fmt: skip
_FIRST_YEAR = 1990

_KINDS = {
    "company": "company", "компания": "company", "компанія": "company", "co": "company",
    "contact": "contact", "контакт": "contact", "c": "contact",
    "deal": "deal", "сделка": "deal", "угода": "deal", "d": "deal",
    "lead": "lead", "лид": "lead", "лід": "lead", "l": "lead",
}  # fmt: skip
_WRITTEN = re.compile(r"([^\W\d_]+)\s*(?:[:#№_]|no\.?)\s*([1-9]\d{0,9})", re.IGNORECASE)
_PATH = re.compile(r"/crm/(company|contact|deal|lead)/(?:details|show|edit)/([1-9]\d{0,9})/?", re.IGNORECASE)
_TYPED = re.compile(r"/crm/type/([1-4])/details/([1-9]\d{0,9})/?", re.IGNORECASE)
_BY_TYPE = {"1": "lead", "2": "deal", "3": "contact", "4": "company"}


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a text names: a card by its number, or an e-mail, a phone, a title. `elsewhere`: another portal's card."""

    kind: Kind
    text: str
    card: CardKey | None = None


@dataclass(frozen=True, slots=True)
class PastReferral:
    """One row as read. ``source``: code, "" if the row names none; ``referrer`` "" only with a source that needs
    nobody."""

    number: int
    client: str
    referrer: str
    day: date
    source: str = ""
    note: str = ""


Code = Literal[
    "not_an_id", "no_client", "name_too_long", "note_too_long", "no_such_source", "no_referrer", "no_date",
    "not_a_date", "ambiguous_date", "in_future",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class BadRow:
    """Why a row is not understood, with what it says about whom."""

    number: int
    code: Code
    detail: str = ""
    client: str = ""
    referrer: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a file is read: the portal's day and zone, the order of day and month, sources by what people call them
    (folded), and codes of sources that need a referrer."""

    zone: tzinfo
    today: date
    order: DayOrder
    sources: Mapping[str, str]
    recommending: frozenset[str]


def read(table: Sequence[Sequence[str]], rules: Rules) -> tuple[list[PastReferral], list[BadRow]]:
    """Every row that can be understood, and why the others cannot. Raises `Unreadable`: ``no_rows``,
    ``no_client_column``, ``no_referrer_column``, ``no_date_column``, ``two_columns``."""
    if not table:
        raise Unreadable(code="no_rows")
    places = places_of(table[0], HEADINGS)
    if not places.keys() & {"client", "client_id"}:
        raise Unreadable(code="no_client_column")
    for field in ("referrer", "date"):
        if field not in places:
            raise Unreadable(code=f"no_{field}_column")
    rows: list[PastReferral] = []
    problems: list[BadRow] = []
    for number, cells in enumerate(table[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        said = {name: clean_text(cells[at]) if at < len(cells) else "" for name, at in places.items()}
        try:
            rows.append(_row(number, said, rules))
        except _Bad as bad:
            client, referrer = (said.get(name, "")[:LONGEST] for name in ("client", "referrer"))
            problems.append(BadRow(number, bad.code, bad.detail[:40], client, referrer))
    if not rows and not problems:
        raise Unreadable(code="no_rows")
    return rows, problems


class _Bad(Exception):
    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


def _row(number: int, said: Mapping[str, str], rules: Rules) -> PastReferral:
    client, referrer, note = _client(said), said.get("referrer", ""), said.get("note", "")
    for text in (client, referrer):
        if len(text) > LONGEST:
            raise _Bad("name_too_long", text)
    if len(note) > LONGEST_NOTE:
        raise _Bad("note_too_long", str(len(note)))
    source = rules.sources.get(fold(said.get("source", "")), "") if said.get("source") else ""
    if said.get("source") and not source:
        raise _Bad("no_such_source", said["source"])
    if not referrer and (not source or source in rules.recommending):
        raise _Bad("no_referrer")
    day = parse_day(said.get("date", ""), rules.zone, rules.order)
    if not isinstance(day, date):
        raise _Bad(day, said.get("date", ""))
    if day > rules.today:
        raise _Bad("in_future", said["date"])
    return PastReferral(number, client, referrer, day, source, note)


def _client(said: Mapping[str, str]) -> str:
    ids = said.get("client_id", "").removesuffix(".0")
    if ids:
        if not (ids.isascii() and ids.isdigit() and len(ids) < 12 and 0 < int(ids) < 2**31):
            raise _Bad("not_an_id", ids)
        return f"company:{int(ids)}"
    if not said.get("client"):
        raise _Bad("no_client")
    return said["client"]


# --- dates


def parse_day(
    text: str, zone: tzinfo, order: DayOrder = ""
) -> date | Literal["no_date", "not_a_date", "ambiguous_date"]:
    """A day as people and spreadsheets write it: ISO, ``31.12.2025``, ``31/12/2025``, ``12 марта 2021``, ``Mar 12,
    2021``, a spreadsheet's number; a moment gives its day in ``zone``. With slashes, where day and month could be
    mixed up, ``order`` decides; without one they are refused."""
    text = " ".join(text.split())
    if not text:
        return "no_date"
    if match := _SERIAL.fullmatch(text):
        return _possible(_ORDINAL + timedelta(days=int(match[1])))
    if match := _SLASHED.fullmatch(text):
        one, two = int(match[1]), int(match[2])
        if not order and one <= 12 and two <= 12 and one != two:
            return "ambiguous_date"
        monthly = order == "mdy" if order else two > 12
        return _day(match[3], one if monthly else two, two if monthly else one)
    if match := _DOTTED.fullmatch(text):
        return _day(match[3], int(match[2]), int(match[1]))
    if match := _WORDED.fullmatch(text):
        return _day(match[3], _month(match[2]), int(match[1]))
    if match := _AMERICAN.fullmatch(text):
        return _day(match[3], _month(match[1]), int(match[2]))
    found = parse_moment(text, zone)
    return _possible(found.astimezone(zone).date()) if isinstance(found, datetime) else "not_a_date"


def _month(word: str) -> int:
    folded = word.casefold()
    return next((number for number, names in enumerate(_MONTHS, 1) if folded.startswith(names)), 0)


def _day(year: str, month: int, day: int) -> date | Literal["not_a_date"]:
    try:
        return _possible(date(int(year) + (2000 if len(year) == 2 else 0), month, day))
    except ValueError:
        return "not_a_date"


def _possible(day: date) -> date | Literal["not_a_date"]:
    """A day on which somebody may have recommended somebody; before 1990 there were no such cards."""
    return day if day.year >= _FIRST_YEAR else "not_a_date"


# --- names


def named(text: str, domain: str) -> Named:
    """What kind of name a text is: the address of a card in the portal ``domain``, ``company:5``, ``CO_5``, an
    e-mail, a phone, else a title."""
    text = " ".join(text.split())
    if match := _WRITTEN.fullmatch(text):
        kind = _KINDS.get(match[1].casefold())
        if kind and int(match[2]) < 2**31:
            return Named("card", text, CardKey(kind, int(match[2])))  # type: ignore[arg-type]
    if "/crm/" in text:
        return _address(text, domain)
    if looks_like_address(text):
        return Named("email", text)
    digits = sum(one.isdigit() for one in text)
    if phone_key(text) and digits >= 7 and not any(one.isalpha() for one in text):
        return Named("phone", text)
    return Named("title", text)


def _address(text: str, domain: str) -> Named:
    try:
        parts = urlsplit(text if "//" in text else f"//{text}" if not text.startswith("/") else text)
    except ValueError:
        return Named("title", text)
    found = _PATH.fullmatch(parts.path) or _TYPED.fullmatch(parts.path)
    if found is None or int(found[2]) >= 2**31:
        return Named("title", text)
    if parts.netloc and parts.netloc.casefold() != domain.casefold():
        return Named("elsewhere", text)
    kind = _BY_TYPE.get(found[1], found[1].lower())
    return Named("card", text, CardKey(kind, int(found[2])))  # type: ignore[arg-type]
