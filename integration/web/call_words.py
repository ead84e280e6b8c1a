"""What calls brought and how each of them ended, in words (product.md W7, W15, N6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, tzinfo
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.nps.errors import UnknownZone
from integration.nps.workdays import zone_named
from integration.services.calling.yields import Waiting
from integration.web.pages import language, number_text, say, share_text

OUTCOMES = {
    "answered": mark("answered"), "refused": mark("does not want to answer"), "not_now": mark("not now"),
    "call_back": mark("asked to be called back"), "no_answer": mark("nobody answered the phone"), "busy": mark("busy"),
    "wrong_number": mark("wrong number"), "out_of_service": mark("number out of service"),
    "asks_email": mark("asked for an e-mail instead"), "never": mark("never wants to be asked again"),
}  # fmt: skip
OVER = {
    "used_up": mark("all attempts used up"), "asks_email": mark("asked for an e-mail instead"),
    "wrong_number": mark("wrong number"), "out_of_service": mark("number out of service"),
    "no_phone": mark("no phone number"),
}  # fmt: skip
PARTS = {"morning": mark("until 12:00"), "midday": mark("12:00 to 15:00"), "afternoon": mark("from 15:00")}
PHONES = {
    "promised": mark("a call-back is promised"), "due": mark("may be called now"), "later": mark("to be called later"),
    "called": mark("have been called"), "never_called": mark("not called yet"), "used_up": OVER["used_up"],
    "wrong_number": OVER["wrong_number"], "out_of_service": OVER["out_of_service"], "asks_email": OVER["asks_email"],
    "no_phone": OVER["no_phone"],
}  # fmt: skip
FEW, LEAST = 0.1, 5  # from where on more attempts bring little, and of how many people that can be said


def outcome(code: str) -> str:
    """How a call ended."""
    return say(OUTCOMES[code]) if code in OUTCOMES else code


def over(code: str) -> str:
    """Why a person is called no more."""
    return say(OVER[code]) if code in OVER else code


def told(found: Mapping[str, Any], callers: bool) -> dict[str, Any]:
    """The calls of a report (`wave_result.numbers`); `callers`: whether the viewer may see who did how many."""
    if not found:
        return {}
    return {
        "lead": _lead(found), "steps": steps(found), "little": _little(found),
        "outcomes": [[outcome(code), number_text(n)] for code, n in by_count(found["outcomes"])],
        "times": [*_times(found["parts"], "part", _part), *_times(found["weekdays"], "weekday", weekday)],
        "callers": _times(found["callers"], "name", _caller) if callers else [],
    }  # fmt: skip


def _lead(found: Mapping[str, Any]) -> str:
    calls = i18n.plural(language(), "{n} call", "{n} calls", found["calls"])
    people = i18n.plural(language(), "{n} person", "{n} people", found["people"])
    reached = share_text(found["reached"] / found["people"])
    return say(
        "{calls} to {people}: {reached} of them spoke to us, {n} answered on the phone.", calls=calls, people=people,
        reached=reached, n=number_text(found["answered"]),
    )  # fmt: skip


def way(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The part of calls in the way from the list to the answers (product.md N6); nothing where nobody was called."""
    if not found.get("called"):
        return []
    declined, by_phone = found["declined"], found["answered_by"].get("phone", 0)
    note = say("{n} did not want to answer", n=number_text(declined)) if declined else ""
    rows = [
        (say("Called"), found["called"], ""), (say("Reached by phone"), found["reached"], note),
        (say("Answered on the phone"), by_phone, ""),
    ]  # fmt: skip
    if found.get("unreached"):
        rows.append((say("Could not be reached at all"), found["unreached"], ""))
    return [
        {"label": label, "value": i18n.plural(language(), "{n} person", "{n} people", count),
         "share": count / found["people"] if found["people"] else 0.0, "note": said}
        for label, count, said in rows
    ]  # fmt: skip


def steps(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each attempt: people tried, reached, answered by it; of those tried again (`again`) how many answered later."""
    rows = found["yield"]
    return [
        {**row, "share": share_text(row["answered"] / row["tried"]),
         "later": sum(one["answered"] for one in rows[place + 1 :]),
         "again": rows[place + 1]["tried"] if place + 1 < len(rows) else 0}
        for place, row in enumerate(rows)
    ]  # fmt: skip


def _little(found: Mapping[str, Any]) -> str:
    """From which attempt on calling again brought little; nothing where it went on bringing answers."""
    for row in steps(found):
        if row["again"] >= LEAST and row["later"] <= FEW * row["again"]:
            return i18n.plural(
                language(), "After attempt {number} {n} of {people} people still answered.",
                "After attempt {number} {n} of {people} people still answered.", row["later"],
                number=number_text(row["number"]), people=number_text(row["again"]),
            )  # fmt: skip
    return ""


def zone_of(person: str, portal: str) -> tzinfo:
    """The zone a person lives in, else the portal's."""
    try:
        return zone_named(person or portal)
    except UnknownZone:
        return UTC


def by_count(found: Mapping[str, int]) -> list[tuple[str, int]]:
    """Outcomes, the most frequent first."""
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))


def _times(rows: Any, key: str, name: Any) -> list[dict[str, Any]]:
    return [
        {"name": name(row[key]), "tried": number_text(row["tried"]), "reached": number_text(row["reached"]),
         "share": share_text(row["reached"] / row["tried"]) if row["tried"] else "",
         "answered": number_text(row["answered"])}
        for row in rows
    ]  # fmt: skip


def _part(code: str) -> str:
    return say(PARTS[code]) if code in PARTS else code


def weekday(number: int) -> str:
    """The name of a weekday, 1 is Monday."""
    return str(i18n.locale(language()).days["stand-alone"]["wide"][(int(number) - 1) % 7])


def _caller(name: str) -> str:
    return name or say("not named")


def table(found: Mapping[str, Any], callers: bool) -> Iterator[tuple[Any, ...]]:
    """The same as rows of a file: what, which, calls, reached, answered."""
    yield say("What"), say("Which"), say("Calls"), say("Reached"), say("Answered")
    for row in found.get("yield", ()):
        yield say("Attempt"), row["number"], row["tried"], row["reached"], row["answered"]
    for row in found.get("parts", ()):
        yield say("Part of the day"), _part(row["part"]), row["tried"], row["reached"], row["answered"]
    for row in found.get("weekdays", ()):
        yield say("Weekday"), weekday(row["weekday"]), row["tried"], row["reached"], row["answered"]
    for code, count in by_count(found.get("outcomes", {})):
        yield say("Outcome"), outcome(code), count, None, None
    for row in found.get("callers", ()) if callers else ():
        yield say("Caller"), _caller(row["name"]), row["tried"], row["reached"], row["answered"]


def now(found: Waiting | None) -> dict[str, Any]:
    """Where the calls stand, for the console of a survey."""
    if found is None:
        return {}
    return {
        "stats": [
            [say("May be called now"), number_text(found.due), _in_hand(found)],
            [say("Later"), number_text(found.later), say("their hours or the wait after the last call")],
            [say("Call-backs promised"), number_text(found.promised), ""],
            [say("Calls today"), number_text(found.today), _today(found)],
        ],
        "over": [[code, over(code), number_text(n)] for code, n in found.over],
    }


def _in_hand(found: Waiting) -> str:
    parts = [say("{n} on the phone right now", n=number_text(found.in_hand))] if found.in_hand else []
    if found.on_sheet:
        parts.append(say("{n} on a call centre’s sheet", n=number_text(found.on_sheet)))
    return " · ".join(parts)


def _today(found: Waiting) -> str:
    if not found.today:
        return ""
    return say(
        "{reached} reached, {n} answered", reached=number_text(found.reached), n=number_text(found.answers)
    )
