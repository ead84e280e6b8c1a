"""Settings: the log of requests to Bitrix24, searched and saved as a file (product.md T3, bitrix24.md 15.4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Response, request

from integration.current import deps
from integration.i18n import mark
from integration.services import request_pages
from integration.services.frames import Viewer
from integration.services.request_pages import Entry, Filter, MethodLine, Place, Summary
from integration.web.pages import day_text, language, number_text, say, share_text, zone
from integration.web.settings import request_words, sections

PATH = "/app/settings/requests"
FIELDS = ("method", "errors", "slower", "since", "until", "request")
MOST_SECONDS = 999.0
FIRST = 6  # methods that are shown at once
LONGEST = 120  # characters of a field that mean anything


@sections.section(
    "requests",
    mark("Requests"),
    mark(
        "What Molva asks your Bitrix24, how long it takes and what is refused. Contents and names are not kept."
    ),
    glyph="list",
)
def show(who: Viewer) -> Response:
    """A page of the log, below the last day in figures."""
    wanted, typed, problems = _wanted()
    place = (_place("older"), _place("newer"))
    found = request_pages.listing(deps(), who.portal_id, wanted, *place)
    told = request_pages.summary(deps(), who.portal_id)
    return sections.page(
        who, "requests", "app/settings/requests.html", status=422 if problems else 200, path=PATH, typed=typed,
        problems=problems, chosen=any(typed.values()), entries=[_entry(one) for one in found.entries],
        older=_written(found.older), newer=_written(found.newer), day=_day(told), methods=_methods(told, typed),
        lines=[_line(one) for one in told.methods], first=FIRST, kept=deps().settings.request_log_days,
        most=number_text(request_pages.EXPORT), limit=request_words.seconds(told.limit),
    )  # fmt: skip


@sections.part("requests", "export")
def export(who: Viewer) -> Response:
    """The chosen requests as a file."""
    wanted, _, problems = _wanted()
    if problems:
        return show(who)
    lines = request_pages.export(deps(), who.portal_id, wanted)
    answer = Response(lines, 200, mimetype="text/csv")
    name = deps().clock.now().astimezone(zone()).strftime("requests-%Y-%m-%d-%H%M.csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


# --- what was asked for


def _wanted() -> tuple[Filter, dict[str, str], dict[str, str]]:
    """The filter, the fields as typed, and what is wrong with which; a wrong field filters nothing."""
    typed = {name: request.form.get(name, "").strip()[:LONGEST] for name in FIELDS}
    problems: dict[str, str] = {}
    slower = _seconds(typed["slower"])
    if slower is None:
        problems["slower"] = say("A number of seconds from 0 to {most}.", most=number_text(MOST_SECONDS))
    moments: dict[str, datetime | None] = {}
    for name in ("since", "until"):
        try:
            moments[name] = _moment(typed[name])
        except ValueError:  # no browser sends such a one, and none would show it
            typed[name], problems[name] = "", say("A day and a time, please.")
    wanted = Filter(
        method=typed["method"], errors=typed["errors"] == "1", slower=slower or 0.0, since=moments.get("since"),
        until=moments.get("until"), request_id=typed["request"],
    )  # fmt: skip
    return wanted, typed, problems


def _seconds(text: str) -> float | None:
    """Seconds as people type them; nothing for what is no number of them."""
    if not text:
        return 0.0
    plain = text.replace(",", ".", 1)
    if not plain.isascii() or not plain.replace(".", "", 1).isdigit() or len(plain) > 8:
        return None
    found = float(plain)
    return found if found <= MOST_SECONDS else None


def _moment(text: str) -> datetime | None:
    """A day and a time in the portal's zone as an aware moment; raise `ValueError` for what is none."""
    if not text:
        return None
    local = datetime.fromisoformat(text)
    if local.tzinfo is not None or not 2000 <= local.year < 9000:
        raise ValueError(text)
    return local.replace(tzinfo=zone()).astimezone(UTC)


def _place(name: str) -> Place | None:
    """The place beside which a page begins, as `_written` put it into the form; nothing for anything else."""
    moment, _, number = request.form.get(name, "")[:LONGEST].partition("|")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (at, int(number)) if at.tzinfo is not None and 2000 <= at.year < 9000 else None


def _written(place: Place | None) -> str:
    return f"{place[0].isoformat()}|{place[1]}" if place else ""


# --- what is shown


def _entry(one: Entry) -> dict[str, Any]:
    at, exact = one.at.astimezone(zone()), one.at.isoformat(timespec="milliseconds")
    inner = ", ".join(f"{method} × {number_text(count)}" for method, count in one.inner)
    return {
        "day": day_text(at.date(), "medium"), "time": at.strftime("%H:%M:%S"), "iso": exact,
        "method": one.method, "inner": inner, "calls": sum(count for _, count in one.inner),
        "result": request_words.result(one), "seconds": request_words.seconds(one.seconds),
        "slow": one.seconds >= request_words.SLOW,
        "operating": request_words.seconds(one.operating) if one.operating is not None else "",
        "sent": request_words.size(one.sent), "received": request_words.size(one.received),
        "by": request_words.by(one.by), "request": one.request_id,
    }  # fmt: skip


def _line(one: MethodLine) -> dict[str, Any]:
    used = one.used or 0.0
    return {
        "method": one.method, "title": request_words.method(one.method), "count": number_text(one.count),
        "failed": number_text(one.failed) if one.failed else "", "median": request_words.seconds(one.median),
        "slowest": request_words.seconds(one.slowest), "percent": round(100 * used), "used": share_text(used),
        "measured": one.used is not None, "tone": request_words.tone(used),
    }  # fmt: skip


def _methods(told: Summary, typed: Mapping[str, str]) -> list[tuple[str, str]]:
    names = {one.method for one in told.methods} | ({typed["method"]} if typed["method"] else set())
    return [("", say("All")), *((name, name) for name in sorted(names))]


def _day(told: Summary) -> dict[str, Any]:
    """The last day: how many, how many in vain, the bars of its hours, the bucket."""
    top = max([count for _, count, _ in told.hours] + [1])
    bars: list[dict[str, Any]] = [
        {
            "x": 10 * number, "high": round(60 * count / top, 1), "bad": round(60 * failed / top, 1),
            "hour": hour.astimezone(zone()), "count": count, "failed": failed,
        }
        for number, (hour, count, failed) in enumerate(told.hours)
    ]  # fmt: skip
    share = told.failed / told.count if told.count else 0.0
    return {
        "count": told.count, "failed": told.failed, "share": share_text(share, 1), "bars": bars, "top": top,
        "ends": [bars[number]["hour"].strftime("%H:%M") for number in (0, len(bars) // 2, len(bars) - 1)],
        "level": round(told.level), "ceiling": round(told.ceiling),
        "full": round(min(100.0, 100 * told.level / told.ceiling)), "closed": told.closed_until,
        "complete": told.complete, "sample": number_text(request_pages.SAMPLE), "language": language(),
    }  # fmt: skip
