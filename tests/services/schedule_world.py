"""Acts in a portal, their events as the schedule wants them, and the mirror compared with what REST says."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, insert, select

from integration.bitrix.sandbox.agency import Agency
from integration.bitrix.sandbox.events import Parcel, id_data
from integration.bitrix.sandbox.schema import KINDS
from integration.services import chores, inbox
from integration.store.base import reading, transaction
from integration.store.chores import ChoreRow, hasten
from integration.store.clients import Company, Contact, ContactCompany, Deal, Lead, StageMove
from integration.store.inbox import InboxRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Limits, Watermark
from tests.services.portal_world import World, agency

Act = tuple[str, int, int, int]
MIRRORED = (Company, Contact, ContactCompany, Deal, Lead, StageMove, Watermark)
NUMBERS = {"lead": 1, "deal": 2, "contact": 3, "company": 4}
STAGES = ((0, "NEW"), (0, "WON"), (0, "LOSE"), (2, "C2:EXECUTING"), (2, "C2:PAUSE"))
UF = "UF_CRM_MOLVA_"


def clients() -> Agency:
    """A few more cards than `agency` has, so that there is something left to act on; all of them made long ago."""
    made = agency()
    made.companies += [{"id": n, "title": f"Company {n}"} for n in range(3, 6)]
    made.contacts += [{"id": n, "name": f"Person {n}", "companyIds": [n - 1]} for n in range(4, 7)]
    made.deals += [
        {"id": n, "title": f"Deal {n}", "companyId": n - 5, "contactIds": [n - 4], "stageId": "NEW"}
        for n in range(6, 10)
    ]
    made.leads += [
        {"id": n, "title": f"Lead {n}", "name": "New", "companyTitle": f"Firm {n}"} for n in range(2, 4)
    ]
    for card in (*made.companies, *made.contacts, *made.deals, *made.leads):
        card |= {"createdTime": "2025-01-10T10:00:00+03:00", "updatedTime": "2025-01-10T10:00:00+03:00"}
    return made


@dataclass
class Stage:
    """A synchronised portal that can be put back to where it was, and the hand that plays a schedule on it."""

    place: World
    held: list[Parcel] = field(default_factory=list)
    buried: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    begun: dict[str, Any] = field(default_factory=dict)
    rows: dict[Any, list[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def built(cls, place: World) -> Stage:
        made = cls(place)
        place.box.control("/settings", {"events": {"paused": True}}, "PUT")
        made.begun = {name: copy.deepcopy(getattr(made.state, name)) for name in made.names()}
        with reading(place.deps.sessions) as session:
            for model in MIRRORED:
                found = session.execute(select(model.__table__)).mappings()
                made.rows[model] = [dict(row) for row in found]
        return made

    @staticmethod
    def names() -> tuple[str, ...]:
        return ("items", "history", "requisites", "addresses")

    @property
    def state(self) -> Any:
        return self.place.box.portal.state

    def reset(self) -> None:
        """The portal's cards and the mirror as they were when all this began."""
        with self.state.lock:
            for name, kept in self.begun.items():
                setattr(self.state, name, copy.deepcopy(kept))
            self.place.box.portal.queue.waiting.clear()
        self.held, self.buried = [], []
        with transaction(self.place.deps.sessions) as session:
            for model in (InboxRow, OutboxRow, Limits, *MIRRORED):
                session.execute(delete(model))
            for model, rows in self.rows.items():
                if rows:
                    session.execute(insert(model.__table__), rows)
            for row in session.scalars(select(ChoreRow)):
                row.cursor = {}
        self.place.clock.advance(600)

    # --- acts

    def play(self, act: Act) -> None:
        """One act; the numbers choose among what there is at the moment."""
        name, *numbers = act
        getattr(self, f"do_{name}")(*numbers)

    def pick(self, kind: str, number: int) -> int | None:
        ids = list(self.state.items[NUMBERS[kind]].ids)
        return ids[number % len(ids)] if ids else None

    def employee(self, method: str, **params: Any) -> Any:
        return self.place.act(1, method, **params)

    def change(self, kind: str, number: int, **fields: Any) -> None:
        card = self.pick(kind, number)
        if card is not None:
            self.employee(
                "crm.item.update", entityTypeId=NUMBERS[kind], id=card, fields=fields, useOriginalUfNames="Y"
            )

    def do_title(self, kind: int, number: int, text: int) -> None:
        chosen = list(NUMBERS)[kind % 4]
        name = "name" if chosen == "contact" else "title"
        self.change(chosen, number, **{name: f"Text {text}", "assignedById": 1 + text % 2})

    def do_money(self, number: int, amount: int, day: int) -> None:
        closed = f"2026-03-{1 + day % 28:02d}"
        self.change("deal", number, opportunity=amount / 4, closedate=closed, sourceId="WEB")

    def do_stage(self, number: int, stage: int, _: int) -> None:
        card = self.pick("deal", number)
        if card is not None:
            category = self.state.items[2].rows[card].get("categoryId") or 0
            there = [one for one in STAGES if one[0] == category]
            self.change("deal", number, stageId=there[stage % len(there)][1])

    def do_move(self, number: int, stage: int, _: int) -> None:
        category, code = STAGES[stage % len(STAGES)]
        self.change("deal", number, categoryId=category, stageId=code)

    def do_ours(self, kind: int, number: int, value: int) -> None:
        if kind % 2:
            self.change(
                "contact", number,
                **{f"{UF}OPT_OUT": "YN"[value % 2], f"{UF}HOLD_UNTIL": f"2027-01-{1 + value % 28:02d}"},
            )  # fmt: skip
        else:
            self.change(
                "company", number, **{f"{UF}NPS_SCORE": value % 11, f"{UF}REFERRER": f"C_{1 + value % 5}"}
            )

    def do_add(self, kind: int, number: int, text: int) -> None:
        chosen = list(NUMBERS)[kind % 4]
        fields: dict[str, Any] = {"title": f"New {text}", "companyId": self.pick("company", number) or 0}
        if chosen == "contact":
            fields = {"name": f"New {text}", "companyIds": [self.pick("company", number) or 0]}
        elif chosen == "company":
            fields = {"title": f"New {text}", "contactIds": [self.pick("contact", number) or 0]}
        self.employee("crm.item.add", entityTypeId=NUMBERS[chosen], fields=fields)

    def do_link_contact(self, number: int, one: int, other: int) -> None:
        """On the contact's own card; no number, no company."""
        ids = {self.pick("company", n) for n in (one, other) if n}
        self.change("contact", number, companyIds=sorted(i for i in ids if i))

    def do_link_company(self, number: int, one: int, other: int) -> None:
        """On the company's card: the contacts get no event and no date of their own."""
        ids = {self.pick("contact", n) for n in (one, other) if n}
        self.change("company", number, contactIds=sorted(i for i in ids if i))

    def do_link_deal(self, number: int, one: int, other: int) -> None:
        ids = [i for n in (one, other) if n and (i := self.pick("contact", n))]
        self.change(
            "deal", number, contactIds=list(dict.fromkeys(ids)), companyId=self.pick("company", one) or 0
        )

    def do_delete(self, kind: int, number: int, _: int) -> None:
        chosen = list(NUMBERS)[kind % 4]
        card = self.pick(chosen, number)
        if card is not None:
            self.buried.append((chosen, copy.deepcopy(self.state.items[NUMBERS[chosen]].rows[card])))
            self.employee("crm.item.delete", entityTypeId=NUMBERS[chosen], id=card)

    def do_restore(self, number: int, told: int, _: int) -> None:
        """Out of the recycle bin under its old number and date, with or without an event."""
        if not self.buried:
            return
        kind, row = self.buried.pop(number % len(self.buried))
        with self.state.lock:
            self.state.items[NUMBERS[kind]].insert(row["id"], row)
            if told % 2:
                self.place.box.portal.queue.fire(f"ONCRM{kind.upper()}ADD", id_data(row["id"]), 1)

    def do_merge(self, kind: int, one: int, other: int) -> None:
        chosen = ("company", "contact")[kind % 2]
        ids = [self.pick(chosen, one), self.pick(chosen, other)]
        if None not in ids and ids[0] != ids[1]:
            self.employee("crm.entity.mergeBatch", params={"entityTypeId": NUMBERS[chosen], "entityIds": ids})

    def do_convert(self, number: int, _: int, __: int) -> None:
        lead = self.pick("lead", number)
        if lead is not None:
            self.employee("ui.lead.convert", id=lead)

    def do_address(self, number: int, city: int, _: int) -> None:
        card = self.pick("company", number)
        if card is not None:
            self.employee("ui.address.set", entityTypeId=4, entityId=card, CITY=f"City {city}")

    # --- events and work

    def collect(self) -> None:
        """Events that the portal would have sent by now."""
        queue = self.place.box.portal.queue
        with self.state.lock:
            self.held += list(queue.waiting)
            queue.waiting.clear()

    def do_deliver(self, first: int, step: int, times: int) -> None:
        """Some of the events, from any place on, backwards or forwards, some of them more than once."""
        self.collect()
        chosen = self.held[first % (len(self.held) or 1) :: 1 + step % 3]
        for parcel in (chosen[::-1] if times % 2 else chosen) * (1 + times % 3):
            self.place.box.portal.queue._send(parcel)
        self.held = [one for one in self.held if not any(one is other for other in chosen)]

    def do_lose(self, number: int, _: int, __: int) -> None:
        self.collect()
        del self.held[number % (len(self.held) or 1) :]

    def do_tick(self, _: int, __: int, ___: int) -> None:
        inbox.drain(self.place.deps)

    def do_chore(self, slice_of: int, _: int, __: int) -> None:
        """One slice of a chore, which may be cut there by the next act."""
        self.hasten("walk" if slice_of % 2 else "reconcile")
        chores.run_due(self.place.deps)

    def do_wait(self, minutes: int, _: int, __: int) -> None:
        self.place.clock.advance(60 * (minutes % 30))

    def hasten(self, *names: str) -> None:
        with transaction(self.place.deps.sessions) as session:
            hasten(session, self.place.portal_id, names, self.place.clock.now())

    def night(self) -> None:
        """Whatever has not been delivered is lost; reconciliation and a whole nightly walk come, and what follows."""
        self.collect()
        self.held = []
        self.place.clock.advance(3600)
        with transaction(self.place.deps.sessions) as session:
            for row in session.scalars(select(ChoreRow).where(ChoreRow.name == "walk")):
                row.cursor = {}
        self.hasten("reconcile", "walk")
        self.place.work()


# --- what REST says, put beside the mirror


def differences(place: World) -> list[str]:
    """Each thing in which the mirror differs from the portal as an employee reads it."""
    told = {kind: _listed(place, number) for kind, number in NUMBERS.items()}
    history = _history(place)
    cities = _cities(place)
    problems: list[str] = []
    for kind, model in (("company", Company), ("contact", Contact), ("deal", Deal), ("lead", Lead)):
        mirrored = {row.id: row for row in place.all(model) if row.deleted_at is None}
        if mirrored.keys() != told[kind].keys():
            problems.append(f"{kind}: {sorted(mirrored)} instead of {sorted(told[kind])}")
        for number in mirrored.keys() & told[kind].keys():
            item = told[kind][number]
            wanted = _common(item) | globals()[f"_{kind}"](item)
            wanted |= {"city": cities.get(number, "")} if kind == "company" else {}
            wanted |= {"won_at": _won(history, number)} if kind == "deal" else {}
            for name, value in wanted.items():
                found = getattr(mirrored[number], name)
                if found != value:
                    problems.append(f"{kind} {number} {name}: {found!r} instead of {value!r}")
    return problems + _links(place, told["contact"]) + _moves(place, told["deal"], history)


def _listed(place: World, number: int) -> dict[int, dict[str, Any]]:
    found = place.act(
        1, "crm.item.list", entityTypeId=number, select=["*", "UF_*"], useOriginalUfNames="Y", start=-1
    )["items"]
    assert len(found) < 50, "this world is meant to stay on one page"
    kind = KINDS[number]
    for item in found:
        for row in place.box.portal.state.fields_of(kind.uf_entity):
            item.setdefault(row["FIELD_NAME"], None)
    return {int(item["id"]): item for item in found}


def _history(place: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["ID"] if found else 0
        page = place.act(
            1, "crm.stagehistory.list", entityTypeId=2, order={"ID": "ASC"}, filter={">ID": after}, start=-1
        )["items"]
        found += page
        if len(page) < 50:
            return found


def _won(history: list[dict[str, Any]], deal: int) -> datetime | None:
    mine = [row for row in history if int(row["OWNER_ID"]) == deal and row["STAGE_SEMANTIC_ID"] == "S"]
    return min((_moment(row["CREATED_TIME"]) for row in mine), default=None)


def _cities(place: World) -> dict[int, str]:
    """The city of the physical address that was entered first, as the sandbox's only kinds are 1 and 6."""
    rows = place.act(1, "crm.address.list", filter={"ANCHOR_TYPE_ID": 4}, order={"TYPE_ID": "ASC"})
    found: dict[int, tuple[int, str]] = {}
    for row in rows:
        number, rank = int(row["ANCHOR_ID"]), int(row["TYPE_ID"])
        if row["CITY"] and (number not in found or rank < found[number][0]):
            found[number] = (rank, row["CITY"])
    return {number: city for number, (_, city) in found.items()}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _day(text: Any) -> date | None:
    return date.fromisoformat(str(text)[:10]) if text else None


def _common(item: dict[str, Any]) -> dict[str, Any]:
    return {"assigned_by": item["assignedById"], "updated_at": _moment(item["updatedTime"])}


def _company(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": item["title"], "own": item["isMyCompany"] == "Y", "lead_id": item["leadId"] or None,
        "opted_out": item[f"{UF}OPT_OUT"] == "Y", "referrer": item[f"{UF}REFERRER"] or "",
        "hold_until": _day(item[f"{UF}HOLD_UNTIL"]),
    }  # fmt: skip


def _contact(item: dict[str, Any]) -> dict[str, Any]:
    first = item["companyId"] or None
    return {
        "name": item["name"] or "", "last_name": item["lastName"] or "", "lead_id": item["leadId"] or None,
        "company_id": first, "company_ids": item["companyIds"], "opted_out": item[f"{UF}OPT_OUT"] == "Y",
        "hold_until": _day(item[f"{UF}HOLD_UNTIL"]), "referrer": item[f"{UF}REFERRER"] or "",
    }  # fmt: skip


def _deal(item: dict[str, Any]) -> dict[str, Any]:
    company, contacts = item["companyId"] or None, item["contactIds"]
    client = ("company", company) if company else ("contact", contacts[0]) if contacts else ("", 0)
    return {
        "title": item["title"], "category_id": item["categoryId"], "stage_id": item["stageId"],
        "semantics": item["stageSemanticId"], "company_id": company, "contact_ids": contacts,
        "contact_id": contacts[0] if contacts else None, "client_kind": client[0], "client_id": client[1],
        "lead_id": item["leadId"] or None, "source_id": item["sourceId"] or "",
        "amount": Decimal(str(item["opportunity"] or 0)), "currency": item["currencyId"],
        "begin_on": _day(item["begindate"]), "close_on": _day(item["closedate"]),
        "recurring": item["isRecurring"] == "Y", "created_at": _moment(item["createdTime"]),
    }  # fmt: skip


def _lead(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": item["title"], "stage_id": item["stageId"], "semantics": item["stageSemanticId"],
        "company_id": item["companyId"] or None, "source_id": item["sourceId"] or "",
        "contact_id": item["contactId"] or None,
    }  # fmt: skip


def _links(place: World, contacts: dict[int, dict[str, Any]]) -> list[str]:
    mirrored = {(row.contact_id, row.company_id) for row in place.all(ContactCompany)}
    told = {(number, company) for number, item in contacts.items() for company in item["companyIds"]}
    found = sorted(link for link in mirrored ^ told if link[0] in contacts)
    return [f"contact in company: {link} only in one" for link in found]


def _moves(place: World, deals: dict[int, Any], history: list[dict[str, Any]]) -> list[str]:
    mirrored = {(row.id, row.deal_id, row.stage_id, row.moved_at) for row in place.all(StageMove)}
    told = {
        (int(row["ID"]), int(row["OWNER_ID"]), row["STAGE_ID"], _moment(row["CREATED_TIME"]))
        for row in history
    }
    return [f"stage history: {move} only in one" for move in sorted(mirrored ^ told) if move[1] in deals]
