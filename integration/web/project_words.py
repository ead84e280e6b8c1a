"""How surveys after projects are told: states and reasons of runs, what came of a decision, tables (product.md W16)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from integration.i18n import mark
from integration.nps.people import ClientKey
from integration.nps.projects import month_of
from integration.nps.scoring import group
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.projects import tab as project_tab
from integration.services.projects.page import Everything, Period, ProjectsPage, Shown
from integration.services.questions import ExtraSaid
from integration.web import question_projects
from integration.web.card_words import OUTCOMES as ENDS
from integration.web.pages import day_text, moment_text, number_text, say
from integration.web.report_tables import breakdown
from integration.web.table_files import Row
from integration.web.wave_sheets import WIDTHS

STATES = {
    "": mark("All"), "decide": mark("To decide"), "waits": mark("Still to be asked"), "asked": mark("Asked"),
    "answered": mark("Answered"), "silent": mark("No answer"), "skipped": mark("Not asked"),
}  # fmt: skip
BY = {"month": mark("By month"), "quarter": mark("By quarter"), "year": mark("By year")}
REASONS = {
    "off": mark("Surveys after a project are off."),
    "deal_gone": mark("The deal is not there any more."),
    "template": mark("The deal is a template."),
    "deal_lost": mark("The deal is lost by now."),
    "moved_back": mark("The deal was moved back to where it came from."),
    "too_late": mark("It is too long ago by now."),
    "no_client": mark("The deal has no client."),
    "in_wave": mark("The client still has the yearly survey to answer."),
    "asked_recently": mark("The client or the person was asked about a project not long ago."),
    "opted_out": mark("The client or the person wants no questions."),
    "on_hold": mark("The client is on hold, or something is not settled yet."),
    "no_respondent": mark("The client has no contact."),
    "no_channel": mark("Nobody of the client has an e-mail."),
    "no_sender": mark("Nobody can sign: see “Who signs” in the settings."),
    "cancelled": mark("Taken back by staff."),
    "many": mark("Too many at once: somebody has to decide."),
}
SOURCES = {"stage": mark("Stage “{what}”"), "robot": mark("Robot in Bitrix24"), "hand": mark("{what}")}
CAME = {
    "asked": (mark("The letter is on its way."), mark("It leaves in the client’s working hours.")),
    "waits": (
        mark("It is noted."),
        mark("Bitrix24 is busy, or nobody can sign yet: it is tried again by itself."),
    ),
    "let_through": (mark("They are asked now."), mark("The letters leave in the clients’ working hours.")),
    "dropped": (mark("Nobody of them is asked."), ""),
    "cancelled": (
        mark("Taken back."),
        mark("No further letter is written. An answer that comes all the same counts."),
    ),
    "confirmed": (mark("The answer counts now."), mark("The cards and tasks follow by themselves.")),
    "rejected": (mark("The answer stays out."), mark("It counts nowhere; the person may still answer.")),
}
REFUSED = {
    "skipped": mark("Nobody is asked."),
    "off": mark("Surveys after a project are off. An administrator turns them on in the settings."),
    "no_deal": mark("Molva knows no such deal. Give its number, or open the deal and ask from there."),
    "not_yours": mark(
        "Head, administrators, account directors and whoever runs the survey decide about this."
    ),
    "own_client": mark("This is your own client: somebody else has to judge the answer."),
    "changed_meanwhile": mark("Somebody, or the client, was faster. Look at it as it is now."),
    "over": mark("It is over already."),
    "nothing": mark("There is nothing left to decide."),
}


def came_of(did: str, reason: str = "") -> dict[str, str]:
    """A notice about what was decided."""
    if did in CAME:
        heading, line = CAME[did]
        return {"tone": "good", "heading": say(heading), "line": say(line) if line else ""}
    words = say(REASONS[reason]) if reason in REASONS else ""
    return {"tone": "warn", "heading": say(REFUSED[did]), "line": words}


def run(
    one: Shown, names: Mapping[int, str], stages: Mapping[str, str], extra: Mapping[int, Sequence[ExtraSaid]]
) -> dict[str, Any]:
    """A run as a line of a list. `extra`: what was said in extra questions, by answer."""
    answer, asked = one.response, one.invitation
    counted = answer is not None and answer.status == "counted"
    tone, badge, line = _stands(one)
    return {
        "id": one.run.id, "deal": one.run.deal_id, "title": one.deal, "client": one.client, "kind": one.kind,
        "client_id": one.client_id, "manager": names.get(one.manager_id or 0, ""), "tone": tone, "badge": badge,
        "line": line, "person": asked.name if asked else "", "started": one.run.started_at, "by": source(one, stages),
        "score": answer.score if counted and answer else None,
        "group": group(answer.score) if counted and answer else None,
        "comment": answer.comment if counted and answer else "",
        "held": answer if answer is not None and answer.status == "held" else None,
        "may_cancel": one.run.status == "new"
        or (one.run.status == "asked" and asked is not None and not asked.outcome),
        "extra": extra.get(answer.id, ()) if answer is not None and answer.status != "rejected" else (),
        "token": asked.token if asked is not None and not asked.outcome and asked.revoked_at is None else "",
    }  # fmt: skip


def tab(deps: Deps, who: Viewer, kind: str, card_id: int, client: ClientKey | None) -> dict[str, Any] | None:
    """The part of a card's tab about projects; nothing where there is none."""
    found = project_tab.read(deps, who, kind, card_id, client)
    if found is None:
        return None
    return {
        "rows": [run(one, found.names, found.stages, found.extra) for one in found.runs],
        "may_ask": found.may_ask,
        "once": deps.dice.token(),
    }


def source(one: Shown, stages: Mapping[str, str]) -> str:
    """What started a run."""
    what = one.run.started_by
    return say(SOURCES[one.run.source], what=stages.get(what, what).partition(" (")[0])


def _stands(one: Shown) -> tuple[str, str, str]:
    status, reason = one.run.status, one.run.reason
    if one.response is not None and one.response.status == "counted":
        return "good", say("answered"), moment_text(one.response.answered_at)
    if one.response is not None and one.response.status == "held":
        return "warn", say("to be confirmed"), say("The answer was not proven to come from a person.")
    if status == "skipped":
        return "neutral", say("not asked"), say(REASONS[reason]) if reason in REASONS else ""
    if status == "new" and one.run.due_at is None:
        return "warn", say("waits for you"), say(REASONS.get(reason, REASONS["many"]))
    if status == "new":
        when = say("from {day}", day=moment_text(one.run.due_at)) if one.run.due_at else ""
        return "neutral", say("still to be asked"), say(REASONS[reason]) if reason in REASONS else when
    ended = one.invitation.outcome if one.invitation is not None else ""
    if status == "asked" and not ended:
        sent = bool(one.invitation and one.invitation.touches)
        return "brand", say("asked") if sent else say("about to be asked"), ""
    return "neutral", say("over"), say(ENDS[ended]) if ended in ENDS else ""


def periods(found: ProjectsPage) -> list[dict[str, Any]]:
    """The numbers of each period, as a table."""
    return [_period(one, found.by) for one in found.periods]


def _period(one: Period, by: str) -> dict[str, Any]:
    head = one.headline
    return {"name": period_name(one.first, by), **headline(head), "asked": number_text(head.base)}


def period_name(first: date, by: str) -> str:
    """How the period that begins on a day is called: "November 2026", "4th quarter of 2026", "2026"."""
    year = f"{first.year}"
    if by == "year":
        return year
    if by == "quarter":
        return say("quarter {number} of {year}", number=(first.month + 2) // 3, year=year)
    return say(MONTHS[first.month - 1], year=year)


MONTHS = (
    mark("January {year}"), mark("February {year}"), mark("March {year}"), mark("April {year}"), mark("May {year}"),
    mark("June {year}"), mark("July {year}"), mark("August {year}"), mark("September {year}"), mark("October {year}"),
    mark("November {year}"), mark("December {year}"),
)  # fmt: skip


def headline(head: Any) -> dict[str, Any]:
    """The index with its interval and n; nothing but n below the smallest group."""
    interval = head.interval
    return {
        "n": number_text(head.n),
        "nps": None if head.nps is None else number_text(head.nps),
        "range": f"{number_text(interval.low)} … {number_text(interval.high)}" if interval else "",
        "few": head.n > 0 and head.nps is None,
    }


def tables(found: ProjectsPage) -> list[dict[str, Any]]:
    """By service and by manager, nothing below the smallest group (N7)."""
    least = found.least
    made = (
        (
            say("By service"),
            say("Service"),
            breakdown(found.services, least, lambda key: found.pipelines.get(key, "")),
        ),
        (
            say("By manager"),
            say("Manager"),
            breakdown(found.managers, least, lambda key: found.names.get(key, "")),
        ),
    )
    return [{"heading": heading, "column": column, **table} for heading, column, table in made if table]


def rows(found: Everything) -> Iterable[Row]:
    """All runs as a table for a file."""
    yield [
        say("Deal"), say("Deal no."), say("Client"), say("Manager"), say("Started"), say("Started by"), say("State"),
        say("Reason"), say("Person"), say("Asked"), say("Score"), say("Comment"), say("Answered"),
    ]  # fmt: skip
    for one in found.runs:
        shown, asked, answer = run(one, found.names, found.stages, {}), one.invitation, one.response
        sent = (asked.touches or {}).get("invitation", "")[:10] if asked is not None else ""
        yield [
            one.deal, one.run.deal_id, one.client, shown["manager"], one.run.started_at.date(), shown["by"],
            shown["badge"], shown["line"] if one.run.status in ("skipped", "over") else "", shown["person"], sent,
            shown["score"], shown["comment"],
            answer.answered_at.date() if answer is not None and shown["score"] is not None else "",
        ]  # fmt: skip


def tables_of(found: Everything) -> dict[str, tuple[str, Iterable[Row], Sequence[int]]]:
    """The tables of a file: title, rows, widths of the columns; extra questions where any was answered."""

    def called(day: date) -> str:
        return period_name(day, found.by)

    def month(name: str) -> str:
        day = month_of(name)
        return period_name(day, "month") if day is not None else name

    made: dict[str, tuple[str, Iterable[Row], Sequence[int]]] = {
        "runs": (say("After projects"), rows(found), RUN_WIDTHS)
    }
    if found.questions or found.extra:
        made["questions"] = (
            say("Extra questions"), question_projects.numbers(found, called), (PERIOD_WIDTH, *WIDTHS["questions"])
        )  # fmt: skip
        made["extra"] = (
            say("Extra answers"),
            question_projects.answers(found, month),
            (PERIOD_WIDTH, *WIDTHS["extra"]),
        )
    return made


RUN_WIDTHS = (38, 10, 38, 24, 14, 24, 18, 38, 28, 12, 8, 50, 14)
PERIOD_WIDTH = 18


def on(found: ProjectsPage) -> str:
    """Since when, and by whom."""
    if found.on is None:
        return ""
    who = found.on.who.partition(" (")[0]
    return say("On since {day}, turned on by {who}.", day=day_text(found.on.at.date()), who=who)
