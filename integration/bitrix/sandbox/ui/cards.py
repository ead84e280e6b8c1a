"""Pages of leads, deals, companies and contacts: lists, cards, forms."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, request

from ..agency import COMPANY, CONTACT, DEAL, LEAD, Json
from ..errors import RestError
from ..items import find, may_read
from ..schema import KIND_BY_NAME, KINDS, Kind
from ..values import to_int
from .cells import Cells, card_title, card_url, stage_tone, stages_of
from .layout import editable_sections, sections
from .lists import listing, stage_choices
from .shell import missing, page, refused
from .timeline import tasks_of, timeline
from .visit import Refused, Visit, visit
from .writing import fields_of

_CARD = "/crm/<any(lead,deal,company,contact):code>"


def card_pages(views: Blueprint) -> None:
    """``/crm/…``."""

    @views.get(f"{_CARD}/")
    @views.get(f"{_CARD}/list/")
    def cards(code: str) -> Response:
        kind, who = KIND_BY_NAME[code.upper()], visit()
        with who.state.lock:
            found = listing(who, kind)
            denied = who.state.rights(who.user_id) == "none"
            return page(
                "portal/list.html", kind=kind, current=f"crm/{code}", found=found, denied=denied,
                stages=stage_choices(who, kind),
            )  # fmt: skip

    @views.get(f"{_CARD}/details/<int:number>/")
    def card(code: str, number: int) -> Response:
        kind, who = KIND_BY_NAME[code.upper()], visit()
        with who.state.lock:
            if not number:
                return _form(who, kind, _blank(who, kind))
            row = _row(who, kind, number)
            if not isinstance(row, dict):
                return row
            return _form(who, kind, row) if request.args.get("edit") else _card(who, kind, row)

    @views.post(f"{_CARD}/details/<int:number>/")
    def write(code: str, number: int) -> Any:
        kind, who = KIND_BY_NAME[code.upper()], visit()
        with who.state.lock:
            row = _row(who, kind, number) if number else _blank(who, kind)
            return _written(who, kind, row) if isinstance(row, dict) else row


def _row(who: Visit, kind: Kind, number: int) -> Json | Response:
    """The card, or the page that says why not."""
    try:
        return find(who.state, kind, number, who.user_id)
    except RestError as error:
        if error.code == "NOT_FOUND":
            return missing()
        return refused(who.t("You have no access to this card"))


def _blank(who: Visit, kind: Kind) -> Json:
    """A card that is not there yet, in the pipeline and of the client that the address names."""
    row: Json = {"id": 0, "assignedById": who.user_id}
    company, contact = to_int(request.args.get("company")), to_int(request.args.get("contact"))
    if kind.id in (LEAD, DEAL):
        row |= {"categoryId": to_int(request.args.get("category")), "companyId": company}
        row["contactIds"] = [contact] if contact else []
        stages = stages_of(who.state, kind, row)
        row["stageId"] = stages[0]["STATUS_ID"] if stages else ""
        row["currencyId"] = who.state.info.base_currency
    elif kind.id == CONTACT and company:
        row["companyIds"] = [company]
    return row


def _written(who: Visit, kind: Kind, row: Json) -> Any:
    """Does what the form says; a refusal of the portal comes back with everything that was typed."""
    do = request.form.get("do", "save")
    try:
        target = _DEEDS[do](who, kind, row) if do in _DEEDS else _save(who, kind, row)
    except Refused as problem:
        if do in _DEEDS:
            return _card(who, kind, row, problem=str(problem))
        return _form(who, kind, row, problem=str(problem))
    return redirect(target + ("?IFRAME=Y" if who.bare else ""), 303)


def _save(who: Visit, kind: Kind, row: Json) -> str:
    fields = fields_of(Cells(who, kind), request.form)
    params: Json = {"entityTypeId": kind.id, "fields": fields, "useOriginalUfNames": "Y"}
    if row["id"]:
        who.act("crm.item.update", params | {"id": row["id"]})
        return card_url(kind, row["id"])
    if kind.id == DEAL:
        fields["categoryId"] = row["categoryId"]
    made = who.act("crm.item.add", params)["item"]
    return card_url(kind, made["id"])


def _stage(who: Visit, kind: Kind, row: Json) -> str:
    fields = {"stageId": request.form.get("stage", "")}
    who.act("crm.item.update", {"entityTypeId": kind.id, "id": row["id"], "fields": fields})
    return card_url(kind, row["id"])


def _comment(who: Visit, kind: Kind, row: Json) -> str:
    text = request.form.get("text", "").strip()
    if not text:
        raise Refused(who.t("The comment is empty"))
    fields = {"ENTITY_ID": row["id"], "ENTITY_TYPE": kind.code, "COMMENT": text}
    who.act("crm.timeline.comment.add", {"fields": fields})
    return card_url(kind, row["id"])


def _convert(who: Visit, kind: Kind, row: Json) -> str:
    made = who.act("ui.lead.convert", {"id": row["id"]})
    return card_url(KINDS[DEAL], made["dealId"])


_DEEDS = {"stage": _stage, "comment": _comment, "convert": _convert}


def _form(who: Visit, kind: Kind, row: Json, problem: str = "") -> Response:
    cells = Cells(who, kind)
    typed = request.form if problem else None
    return page(
        "portal/card_form.html", 422 if problem else 200, kind=kind, row=row, current=f"crm/{kind.code}",
        title=card_title(who.state, kind, row) if row["id"] else "", sections=editable_sections(cells, row),
        problem=problem, typed=typed, categories=who.state.categories if kind.id == DEAL else [],
    )  # fmt: skip


def _card(who: Visit, kind: Kind, row: Json, problem: str = "") -> Response:
    cells = Cells(who, kind)
    stages = stages_of(who.state, kind, row) if kind.id in (LEAD, DEAL) else []
    return page(
        "portal/card.html", 422 if problem else 200, kind=kind, row=row, current=f"crm/{kind.code}",
        title=card_title(who.state, kind, row), sections=sections(cells, row), problem=problem,
        stages=[(s, stage_tone(stages, n)) for n, s in enumerate(stages)],
        stage=cells.cell(row, "stageId") if stages else None, score=_score(cells, row),
        entries=timeline(who, kind, row), tasks=tasks_of(who, kind, row), tabs=_tabs(who, kind),
        related=_related(who, kind, row), responsible=cells.cell(row, "assignedById"),
    )  # fmt: skip


def _score(cells: Cells, row: Json) -> Any:
    """The score for the card's head."""
    names = [name for name in cells.user if name.endswith("_NPS_SCORE") and row.get(name) is not None]
    return cells.cell(row, names[0]) if names else None


def _tabs(who: Visit, kind: Kind) -> list[Json]:
    """Tabs that installed applications put on this kind of card."""
    code = f"CRM_{kind.name}_DETAIL_TAB"
    apps = who.state.apps
    rows = [r for r in who.state.placements if r["placement"] == code]
    return [
        {
            "app": r["client_id"], "handler": r["handler"], "placement": code, "title": tab_title(who, r),
            "id": f"tab-{n}",
        }
        for n, r in enumerate(rows) if apps[r["client_id"]].state == "installed"
    ]  # fmt: skip


def tab_title(who: Visit, row: Json) -> str:
    """A placement's title in the portal's language."""
    names = row.get("langAll") or {}
    own = names.get(who.language) if isinstance(names, dict) else None
    found = (own or {}).get("TITLE") or row.get("title")
    return str(found or who.state.apps[row["client_id"]].title)


def _related(who: Visit, kind: Kind, row: Json) -> list[tuple[str, list[Json]]]:
    """Cards that belong to this one: deals of a client, deals made of a lead."""
    deals = who.state.items[DEAL]
    name = {COMPANY: "companyId", CONTACT: "contactIds", LEAD: "leadId"}.get(kind.id)
    if name is None:
        return []
    ids = sorted(deals.equal(name, row["id"]), reverse=True)[:20]
    cells = Cells(who, KINDS[DEAL])
    lines = [
        {"url": card_url(KINDS[DEAL], n), "title": deals.rows[n].get("title") or f"#{n}",
         "stage": cells.cell(deals.rows[n], "stageId"), "sum": cells.cell(deals.rows[n], "opportunity")}
        for n in ids if may_read(who.state, deals.rows[n], who.user_id)
    ]  # fmt: skip
    return [(who.t("Deals"), lines)] if lines else []
