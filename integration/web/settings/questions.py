"""Settings: up to four extra questions after the score, in the agency's languages (product.md W13, N11)."""

from __future__ import annotations

from typing import Any

from flask import Response

from integration import i18n
from integration.current import deps
from integration.i18n import mark
from integration.nps import questions as rules
from integration.nps.policy import Policy, PolicyProblem
from integration.nps.questions import Question
from integration.services import question_versions, questions
from integration.services.frames import Viewer
from integration.web.pages import language, say
from integration.web.settings.problems import code_words
from integration.web.settings.question_samples import SAMPLES
from integration.web.settings.question_words import KINDS
from integration.web.settings.sections import part, section
from integration.web.settings.sheet import Form, Raw, Sheet, Situation, look, respond

ROW = ("key", "kind", "on", "gone")
SHOWN_OPTIONS = 3  # rows for options that a question begins with
ROWS = 2 * rules.MOST_QUESTIONS  # also those to be removed
LONGEST = 2000  # characters of a field that is read at all; the rules say how long a text may be
STEM = "o"  # codes of options: o1, o2 …


def _row(one: Question, languages: tuple[str, ...]) -> Raw:
    return {
        "key": one.key, "kind": one.kind, "on": "1" if one.on else "", "gone": "",
        "texts": {code: one.texts.get(code, "") for code in languages},
        "options": [
            {"code": option.code, "texts": {code: option.texts.get(code, "") for code in languages}}
            for option in one.options
        ],
    }  # fmt: skip


def _filled(policy: Policy, here: Situation) -> Raw:
    return {"rows": [_row(one, i18n.LANGUAGES) for one in policy.extra_questions]}


def _typed(form: Form) -> Raw:
    rows: list[Raw] = []
    while len(rows) < ROWS and f"questions-{len(rows)}-kind" in form:
        rows.append(_posted(form, f"questions-{len(rows)}-"))
    do, _, what = "".join(form.getlist("do")[-1:]).partition(":")
    _act(rows, do, what)
    return {"rows": rows}


def _posted(form: Form, at: str) -> Raw:
    def text(name: str) -> str:
        return " ".join(form.get(f"{at}{name}", "")[:LONGEST].split())

    options: list[Raw] = []
    while len(options) <= rules.MOST_OPTIONS and f"{at}option-{len(options)}-code" in form:
        place = f"option-{len(options)}-"
        options.append(
            {"code": text(f"{place}code"), "texts": {code: text(f"{place}{code}") for code in i18n.LANGUAGES}}
        )
    return {
        **{name: form.get(f"{at}{name}", "")[:LONGEST] for name in ROW},
        "texts": {code: text(f"text-{code}") for code in i18n.LANGUAGES}, "options": options,
    }  # fmt: skip


def _act(rows: list[Raw], do: str, what: str) -> None:
    """What a button of the form asked for; nothing is saved by it."""
    place = int(what) if what.isascii() and what.isdigit() and len(what) < 3 else -1
    if do == "add" and len(rows) < ROWS:
        sample = next((one for one in SAMPLES if one.key == what), None)
        rows.append(_row(sample or Question(""), i18n.LANGUAGES))
    elif do == "option" and 0 <= place < len(rows) and len(rows[place]["options"]) < rules.MOST_OPTIONS:
        shown = max(len(rows[place]["options"]), SHOWN_OPTIONS)
        rows[place]["options"] += [_blank_option() for _ in range(shown + 1 - len(rows[place]["options"]))]
    elif do == "up" and 0 < place < len(rows):
        rows[place - 1], rows[place] = rows[place], rows[place - 1]
    elif do == "down" and 0 <= place < len(rows) - 1:
        rows[place + 1], rows[place] = rows[place], rows[place + 1]


def _blank_option() -> Raw:
    return {"code": "", "texts": dict.fromkeys(i18n.LANGUAGES, "")}


def _read(raw: Raw, here: Situation) -> tuple[dict[str, Any], dict[str, str]]:
    """The questions with the keys they have or get; rows left empty are none. A key is never given a second time."""
    known = question_versions.ever(deps(), here.who.portal_id)
    taken = {*known, *(one.key for one in here.policy.extra_questions), *(one.key for one in SAMPLES)}
    found: list[dict[str, Any]] = []
    problems: dict[str, str] = {}
    raw["places"] = []
    for place, row in enumerate(raw["rows"]):
        texts = {code: text for code, text in row["texts"].items() if text}
        if row["gone"] or not (texts or any(any(one["texts"].values()) for one in row["options"])):
            continue
        if row["kind"] not in rules.KINDS:
            problems[f"questions-{place}-kind"] = code_words("choose_kind")
            continue
        key = row["key"] if row["key"] in taken else rules.next_code([*taken, *(one["key"] for one in found)])
        used = [
            option.code for one in known.get(key, ()) for option in one.options
        ]  # an old code never gets a new meaning
        found.append(
            {
                "key": key, "kind": row["kind"], "on": bool(row["on"]), "texts": texts,
                "options": _options(row, used) if row["kind"] == "choice" else [],
            }
        )  # fmt: skip
        raw["places"].append(place)
    return {"extra_questions": found}, problems


def _options(row: Raw, used: list[str]) -> list[dict[str, Any]]:
    taken = [*used, *(one["code"] for one in row["options"])]
    found = []
    for one in row["options"]:
        texts = {code: text for code, text in one["texts"].items() if text}
        if texts:
            code = one["code"] or rules.next_code(taken, STEM)
            taken.append(code)
            found.append({"code": code, "texts": texts})
    return found


def _place(problem: PolicyProblem, here: Situation) -> str:
    """A rule counts the questions; the form has rows, some of them empty."""
    number = problem.params.get("question")
    places = here.raw.get("places", [])
    if not isinstance(number, int) or not 0 < number <= len(places):
        return "extra_questions"
    at = f"questions-{places[number - 1]}-"
    if problem.code.startswith("option"):
        return f"{at}options"
    return f"{at}text-{here.wanted.language}"


def _more(here: Situation) -> dict[str, Any]:
    main, tongues = here.wanted.language, here.wanted.languages
    rows = here.raw["rows"]
    for row in rows:
        row["options"] += [_blank_option() for _ in range(SHOWN_OPTIONS - len(row["options"]))]
    taken = {row["key"] for row in rows}
    return {
        "kinds": [[code, say(text)] for code, text in KINDS.items()],
        "tongues": [[code, i18n.NAMES[code]] for code in dict.fromkeys((main, *tongues))],
        "hidden_tongues": [code for code in i18n.LANGUAGES if code not in tongues and code != main],
        "room": len([row for row in rows if not row["gone"]]) < rules.MOST_QUESTIONS,
        "samples": [[one.key, one.text(i18n.known(language(), main), main)] for one in SAMPLES if one.key not in taken],
        "most_options": rules.MOST_OPTIONS,
    }  # fmt: skip


def _live(here: Situation) -> dict[str, Any]:
    """The questions as a client sees them, in each language of the agency."""
    asked = [one for one in here.wanted.extra_questions if one.on]
    main = here.wanted.language
    codes = list(dict.fromkeys((main, *here.wanted.languages)))
    return {
        "preview": [
            {"language": code, "name": i18n.NAMES[code], "fields": questions.fields(asked, code, main, {})}
            for code in codes
        ] if asked else [],
    }  # fmt: skip


SHEET = Sheet("questions", ("extra_questions",), _filled, _typed, _read, place=_place, more=_more, live=_live)


@section(
    "questions",
    mark("Extra questions"),
    mark(
        "Up to four short questions after the score. Nobody has to answer them, and they never count in NPS."
    ),
    glyph="list",
)
def show(who: Viewer) -> Response:
    """The page."""
    return respond(who, SHEET)


@part("questions", "live")
def live(who: Viewer) -> Response:
    """The questions as clients would see them, and what would change."""
    return look(who, SHEET)
