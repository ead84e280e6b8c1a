"""The tab in the cards of leads, deals, companies and contacts, and what people do there (product.md P1, P2).

The portal posts the frame to `/bitrix/placement/<name>`; the acts of the page come to `/app/card/<kind>/<id>` and
are checked there anew. The right to the card is in the signed value, proven by the viewer's own token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, cast

from flask import Blueprint, Response, abort, request

from integration.bitrix.protocol import Frame
from integration.current import deps
from integration.nps.holds import proposed
from integration.nps.standing import Action
from integration.services import card, card_links, card_names, card_people, card_rights, corrections, holds
from integration.services.card_rights import Denied, Subject
from integration.services.card_types import CardView
from integration.services.frames import FrameRefused, Viewer
from integration.services.referral_search import Found
from integration.web import card_lines, extra_words, forms, frame, project_words, referral_words
from integration.web import card_words as words
from integration.web.forms.card import CardForm, day
from integration.web.frame import Refusal
from integration.web.pages import choose_language, show

blueprint = Blueprint("card", __name__)

KINDS = ("lead", "deal", "company", "contact")
Told = dict[str, Any]  # outcome of an act: notice, status, and the fields to show again


@blueprint.get("/bitrix/placement/<name>")
def about(name: str) -> Response:
    """What a browser sees here; portals check the address with GET or HEAD (interface.md 4)."""
    choose_language(request.args.get("lang"))
    return show("frame/about.html")


@blueprint.post("/bitrix/placement/<name>")
def opened(name: str) -> Response:
    """The tab of a card, for whoever the portal says has opened it and may read the card."""
    kind = card_rights.kind_of_placement(name)
    if kind is None:
        abort(404)
    seen: dict[str, Mapping[str, Any]] = {}

    def prove(posted: Frame) -> Viewer:
        who, seen["item"] = card_rights.open_card(deps(), posted, kind)
        return who

    who, posted = frame.arrived(prove=prove)
    if who.card is None:
        raise Refusal("no_card", who, posted)
    return page(who, *who.card, item=seen["item"])


@blueprint.post("/app/card/<kind>/<int:card_id>")
def act(kind: str, card_id: int) -> Response:
    """The tab again, after what the form asked for was done, or could not be (`do` empty: shown only)."""
    if kind not in KINDS:
        abort(404)
    who = frame.entered()
    form = forms.posted(CardForm, forms.PAGE) | extra_words.posted(request.form)
    if who.card != (kind, card_id):
        raise Refusal("no_card", who)
    if not form["do"]:
        return page(who, kind, card_id)
    action = cast("Action", form["do"])
    try:
        found = card_rights.checked(deps(), who, kind, card_id, action)
        told = ACTS[action](found, form)
    except Denied as denied:
        told = {"status": 403, **words.denied(denied.code)}
    return page(who, kind, card_id, told=told, form=form)


def look(who: Viewer, kind: str, card_id: int, item: Mapping[str, Any] | None = None) -> CardView:
    """Everything the tab shows; raises `Refusal`."""
    try:
        return card.view(deps(), who, kind, card_id, item)
    except (Denied, FrameRefused):
        raise Refusal("no_card", who) from None


def page(
    who: Viewer,
    kind: str,
    card_id: int,
    *,
    item: Mapping[str, Any] | None = None,
    told: Told | None = None,
    form: Mapping[str, Any] | None = None,
    found: Found | None = None,
    said: Mapping[str, Any] | None = None,
) -> Response:
    """The tab. `told`: what became of an act; `form`: what was posted with it; `found`, `said`: of the search for
    whoever recommended the client."""
    seen = card_names.told(deps(), who, look(who, kind, card_id, item))
    told = told or {}
    failed = told.get("status", 200) != 200
    return frame.page(
        "app/tab/card.html", who, status=told.get("status", 200), view=seen, words=words, event_line=card_lines.line,
        notices=[told["notice"]] if "notice" in told else [], problems=told.get("problems", {}),
        typed=form if failed and form else {}, hold_until=proposed(seen.today), tomorrow=seen.today + timedelta(days=1),
        done=bool(told) and not failed, found=found, said=said or {}, referral=referral_words,
        why=told.get("why", ""), path=f"/app/card/{kind}/{card_id}",
        projects=project_words.tab(deps(), who, kind, card_id, seen.client),
    )  # fmt: skip


# --- the acts; each gives a notice and, where something was wrong, a status and the problems by field


def _hold(found: Subject, form: Mapping[str, Any]) -> Told:
    client = words.known(found.client)
    result = holds.put(
        deps(), found.portal_id, client, until=day(form["until"]), reason=form["reason"], who=found.actor
    )
    if result.status == "problem":
        return {"status": 422, **words.hold_problem(result.problem)}
    return words.said("gone", 409) if result.status == "no_client" else words.said("hold")


def _lift(found: Subject, form: Mapping[str, Any]) -> Told:
    result = holds.lift(deps(), found.portal_id, words.known(found.client), who=found.actor)
    return words.said("gone", 409) if result.status == "no_client" else words.said("lift")


def _opt_out(found: Subject, form: Mapping[str, Any]) -> Told:
    status = card_people.opt_out(
        deps(),
        found.portal_id,
        words.known(found.client),
        form["contact"],
        who=found.actor,
        reason=form["reason"],
    )
    return words.said("unknown", 409) if status == "unknown" else words.said("opt_out")


def _opt_back(found: Subject, form: Mapping[str, Any]) -> Told:
    status = card_people.opt_back(
        deps(),
        found.portal_id,
        words.known(found.client),
        form["contact"],
        who=found.actor,
        reason=form["reason"],
    )
    if status == "no_reason":
        return {"status": 422, **words.field_problem("reason", "no_reason")}
    return words.said("unknown", 409) if status == "unknown" else words.said("opt_back")


def _record(found: Subject, form: Mapping[str, Any]) -> Told:
    result = corrections.record(
        deps(), found.portal_id, words.known(found.client), form["invitation"], form, channel=form["channel"],
        who=found.actor,
    )  # fmt: skip
    if result.status == "problem":
        return _not_saved(*result.problems[0])
    return words.said("closed", 409) if result.status == "closed" else words.said("record")


def _not_saved(field: str, code: str) -> Told:
    """A field that has to be filled otherwise: that of the score, the comment, or an extra question."""
    told = words.field_problem(field, code)
    if field.startswith(extra_words.FIELD):
        told["problems"] = extra_words.problems({field: code})
        told["notice"]["line"] = told["problems"][field]
    return {"status": 422, **told}


def _correct(found: Subject, form: Mapping[str, Any]) -> Told:
    if wrong := corrections.extra_problems(deps(), found.portal_id, form):
        return _not_saved(*wrong[0])
    status = corrections.correct(
        deps(), found.portal_id, words.known(found.client), form["response"], form, seen=form["seen"],
        who=found.actor,
    )  # fmt: skip
    fields = {"no_reason": "reason", "bad_score": "score", "too_long": "comment"}
    if status in fields:
        return {"status": 422, **words.field_problem(fields[status], status)}
    return _judged(status, "correct")


def _confirm(found: Subject, form: Mapping[str, Any]) -> Told:
    return _judge(corrections.confirm, found, form, "confirm")


def _reject(found: Subject, form: Mapping[str, Any]) -> Told:
    return _judge(corrections.turn_down, found, form, "reject")


def _judge(judge: Callable[..., str], found: Subject, form: Mapping[str, Any], done: str) -> Told:
    """A person's word on a held answer, in the revision they saw."""
    client = words.known(found.client)
    status = judge(deps(), found.portal_id, client, form["response"], seen=form["seen"], who=found.actor)
    return _judged(status, done)


def _restore(found: Subject, form: Mapping[str, Any]) -> Told:
    status = corrections.restore(
        deps(), found.portal_id, found.card, words.known(found.client), who=found.actor
    )
    return _judged(status, "restore")


def _revoke_link(found: Subject, form: Mapping[str, Any]) -> Told:
    client = words.known(found.client)
    status = card_links.revoke(deps(), found.portal_id, client, form["invitation"], found.actor)
    return _judged(status, "revoke_link")


def _renew_link(found: Subject, form: Mapping[str, Any]) -> Told:
    client = words.known(found.client)
    return _judged(
        card_links.renew(deps(), found.portal_id, client, form["invitation"], found.actor), "renew_link"
    )


def _renew_direct(found: Subject, form: Mapping[str, Any]) -> Told:
    status = card_links.renew_direct(deps(), found.portal_id, words.known(found.client), found.actor)
    return words.said("gone", 409) if status == "unknown" else words.said("renew_direct")


def _judged(status: str, done: str) -> Told:
    return words.said(done) if status == "done" else words.said(status, 409)


ACTS: dict[Action, Callable[[Subject, Mapping[str, Any]], Told]] = {
    "hold": _hold, "lift": _lift, "opt_out": _opt_out, "opt_back": _opt_back, "record": _record,
    "correct": _correct, "confirm": _confirm, "reject": _reject, "restore": _restore,
    "revoke_link": _revoke_link, "renew_link": _renew_link, "renew_direct": _renew_direct,
}  # fmt: skip
