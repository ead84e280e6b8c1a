"""Pages about who came by recommendation: numbers, lists, the tree, whom to ask and to thank (product.md R5-R7, P1).

Head and administrators see all clients, account directors their branch, managers their own. What is chosen may stand in
the address (`?year=2026&step=won`): it names no person and no secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, request

from integration.current import deps
from integration.i18n import mark
from integration.nps.people import CardKey, ClientKey
from integration.nps.referral_cells import Cell, Who, Window
from integration.services import referral_page, referral_pictures
from integration.services.frames import Viewer
from integration.services.referral_desk import Frame
from integration.services.referral_page import Asked
from integration.web import forms, frame, referral_figures, referral_files
from integration.web import referral_words as words
from integration.web.forms.card_referrer import picked
from integration.web.forms.referrals import ChosenForm, SaidForm, number, said
from integration.web.pages import say

blueprint = Blueprint("referrals", __name__)

HOME = "/app/referrals"
Chosen = Mapping[str, Any]
View = Callable[[Viewer, Chosen], tuple[str, Frame, dict[str, Any]]]
SECTIONS = {
    "": (mark("In figures"), "chart"), "clients": (mark("Who came"), "people"), "tree": (mark("Tree"), "link"),
    "leaders": (mark("Who recommends"), "heart"), "ask": (mark("Whom to ask"), "survey"),
    "thanks": (mark("Whom to thank"), "check"), "problems": (mark("To sort out"), "warn"),
}  # fmt: skip
HEADINGS = {"": mark("Recommendations"), "deals": mark("Deals behind the figure")}
LEADS = {
    "": mark("What recommendations bring, and what each figure rests on."),
    "clients": mark("Clients and leads who came by recommendation, the latest first."),
    "tree": mark("Who brought whom, and what came of it."),
    "leaders": mark("Clients and partners who bring others, the one who brought most first."),
    "ask": mark("Promoters who have never recommended anybody: they said they would."),
    "thanks": mark("Their recommendation went further and nobody has said thanks yet, the longest wait first."),
    "problems": mark("What only a person can settle. Nothing is guessed."),
    "deals": mark("The deals behind one figure."),
}  # fmt: skip
KEPT = ("year", "branch", "step", "reward", "kind", "show", "root", "cell")


def section(name: str) -> Callable[[View], View]:
    """Make a function a page: `POST /app/referrals/<name>`; it gives a template, the frame and what the page shows."""

    def made(view: View) -> View:
        @wraps(view)
        def answer() -> Response:
            who = frame.entered()
            return _shown(who, name, view, _chosen(), _said(who))

        path = f"{HOME}/{name}" if name else HOME
        blueprint.add_url_rule(path, name or "overview", answer, methods=["POST"])
        return view

    return made


def _chosen() -> Chosen:
    """What is to be shown, from the address and the form; the form's word counts."""
    return forms.read(ChosenForm, {**request.args.to_dict(), **request.form.to_dict()})


def _said(who: Viewer) -> dict[str, Any]:
    """What became of what somebody said about a referral; nothing if nothing was said. Raises `Refusal` for a row of
    others."""
    form = forms.read(SaidForm, request.form.to_dict())
    if form["do"] != "say":
        return {}
    code, referral_id, value = said(form["say"])
    note = request.form.get(f"note-{referral_id}", "").strip()
    if code == "reward":
        done, words_of = referral_page.reward(deps(), who, referral_id, value, note), "rewarded"
    else:
        done, words_of = referral_page.thank(deps(), who, referral_id, note), "thanked"
    if done == "foreign":
        raise frame.Refusal("foreign", who)
    return words.told(done, words_of)


def _shown(who: Viewer, name: str, view: View, chosen: Chosen, told: Mapping[str, Any]) -> Response:
    template, around, values = view(who, chosen)
    return frame.page(
        template, who, status=told.get("status", 200), notices=[told["notice"]] if told else [], around=around,
        heading=say(HEADINGS.get(name) or SECTIONS[name][0]), lead=say(LEADS[name]),
        menu=_menu(name, around), path=f"{HOME}/{name}".rstrip("/"), here=_address(name, chosen), chosen=chosen,
        referral=words, address=_address, cell=lambda who_of, key: _cell(around, who_of, key),
        **values,
    )  # fmt: skip


def _menu(current: str, around: Frame) -> list[dict[str, Any]]:
    counts = {"thanks": around.waiting, "problems": around.open}
    return [
        {
            "path": f"{HOME}/{name}".rstrip("/"), "label": say(label), "icon": glyph, "current": name == current,
            "count": counts.get(name) or "",
        }
        for name, (label, glyph) in SECTIONS.items()
    ]  # fmt: skip


def _address(name: str, chosen: Chosen, **changes: str) -> str:
    """The address of a page with what is chosen there."""
    kept = {key: changes.get(key, chosen.get(key, "")) for key in KEPT}
    query = urlencode({key: value for key, value in kept.items() if value})
    path = f"{HOME}/{name}".rstrip("/")
    return f"{path}?{query}" if query else path


def _cell(around: Frame, of: Who, key: CardKey) -> str:
    """The figure that is a client's own money so far, or that of whom it brought: its deals can be looked at."""
    return str(Cell(Window(None, around.today), of, None, key))


def _asked(chosen: Chosen) -> Asked:
    return Asked(number(chosen["year"]), chosen["branch"].strip(), chosen["step"], chosen["reward"])


def _page(chosen: Chosen) -> int:
    return max(1, number(chosen["page"]))


def _root(chosen: Chosen) -> ClientKey | None:
    """Whose tree is asked for; ends the request with 404 for what names nobody."""
    if not chosen["root"]:
        return None
    return picked(chosen["root"]) or abort(404)


# --- the pages


@section("")
def overview(who: Viewer, chosen: Chosen) -> tuple[str, Frame, dict[str, Any]]:
    """The numbers of a year."""
    found = referral_pictures.overview(deps(), who, number(chosen["year"]))
    return "app/referrals/overview.html", found.frame, referral_figures.overview(found)


@section("clients")
def clients(who: Viewer, chosen: Chosen) -> tuple[str, Frame, dict[str, Any]]:
    """Who came."""
    found = referral_page.clients(deps(), who, _asked(chosen), _page(chosen))
    return "app/referrals/clients.html", found.frame, {"found": found, "filters": _filters(found.frame)}


@section("tree")
def tree(who: Viewer, chosen: Chosen) -> tuple[str, Frame, dict[str, Any]]:
    """Who brought whom."""
    try:
        found = referral_pictures.tree(deps(), who, _root(chosen))
    except LookupError:
        raise frame.Refusal("foreign", who) from None
    return "app/referrals/tree.html", found.frame, {"found": found, "trees": referral_figures.trees(found)}


@section("leaders")
def leaders(who: Viewer, chosen: Chosen) -> tuple[str, Frame, dict[str, Any]]:
    """Who recommends; `show=others`: those of them who are no promoters."""
    if chosen["show"] == "others":
        found = referral_pictures.voices(deps(), who, _page(chosen), silent=False)
    else:
        found = referral_pictures.leaders(deps(), who, _page(chosen))
    return "app/referrals/leaders.html", found.frame, {"found": found}


@section("ask")
def ask(who: Viewer, chosen: Chosen) -> tuple[str, Frame, dict[str, Any]]:
    """Promoters who never recommended."""
    found = referral_pictures.voices(deps(), who, _page(chosen), silent=True)
    return "app/referrals/ask.html", found.frame, {"found": found}


@section("thanks")
def thanks(who: Viewer, chosen: Chosen) -> tuple[str, Frame, dict[str, Any]]:
    """Whom to thank."""
    found = referral_page.waiting(deps(), who, _page(chosen), past=chosen["show"] == "past")
    return "app/referrals/thanks.html", found.frame, {"found": found}


@section("problems")
def problems(who: Viewer, chosen: Chosen) -> tuple[str, Frame, dict[str, Any]]:
    """What only a person can settle."""
    found = referral_page.unsettled(deps(), who, chosen["kind"], _page(chosen))
    return "app/referrals/problems.html", found.frame, {"found": found}


@section("deals")
def deals(who: Viewer, chosen: Chosen) -> tuple[str, Frame, dict[str, Any]]:
    """The deals behind a figure."""
    try:
        found = referral_pictures.deals(deps(), who, chosen["cell"], number(chosen["after"]))
    except ValueError:
        abort(404)
    return "app/referrals/deals.html", found.frame, referral_figures.deals(found)


@blueprint.post(f"{HOME}/export")
def export() -> Response:
    """A list as a file."""
    who = frame.entered()
    chosen = _chosen()
    return referral_files.answer(who, chosen, _asked(chosen))


def _filters(around: Frame) -> dict[str, list[list[str]]]:
    """The choices of the filters."""
    return {
        "years": [["", say("All years")], *([str(year), str(year)] for year in around.years)],
        "branches": [["", say("All branches")], *([city, city] for city in around.branches)],
        "steps": [["", say("Any step")], *([code, say(text)] for code, text in words.STEPS.items()),
                  ["lost", say(words.LOST)]],
        "rewards": [["", say("Any reward")], ["unsaid", say(words.REWARDS[""])],
                    *([code, say(text)] for code, text in words.REWARDS.items() if code)],
    }  # fmt: skip
