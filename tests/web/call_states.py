"""A survey with a call centre at work: links in every state, sheets out and back, looks (product.md W9)."""

from __future__ import annotations

from datetime import timedelta

from integration.services.calling import desk, partner_log, partners, sheet_out, sheets
from integration.services.calling.partners import Made
from integration.store.base import Sessions
from integration.store.waves import Invitation, WaveClient
from tests.conftest import HandClock
from tests.services import report_world
from tests.services.calling import desk_world
from tests.services.calling.desk_world import Desk

HOME = "203.0.113.5"


def centre(sessions: Sessions, clock: HandClock) -> Desk:
    """Olga has called, Ira was revoked, a sheet is out, another one came back with a bad row, a third is being read."""
    made = desk_world.make(sessions, clock, people=dict.fromkeys(range(11, 21), 1))
    report_world.beat(made.world)
    for row in made.world.rows(WaveClient):
        made.world.set(WaveClient, row.id, name=f"Клиент {row.client_id}")
    for contact, number in made.ids.items():
        made.world.set(Invitation, number, name=f"Анна Коваль-{contact}")
    olga = make(made, "Olga", firm="Calls Ltd")
    partners.revoke(made.deps, made.world.portal_id, made.wave_id, make(made, "Ira").id, who="Boss (1)")
    make(made, report_world.LONG[:190])
    for outcome, form in (("no_answer", {}), ("answered", {"score": "9", "comment": "Good"})):
        work(made, olga, outcome, **form)
    made.clock.moment += timedelta(hours=2)
    taken = sheet_out.take_out(made.deps, made.world.portal_id, made.wave_id, who="Boss (1)", remote=HOME)
    rows = [f"{taken.people[0].code};2026-03-02;10:10;Busy", "BBBB-BBBB-BBBB;2026-03-02;10:10;Busy"]
    for name in ("monday.csv", "tuesday.csv"):
        upload(made, name, rows)
    assert sheets.start(made.deps, made.world.portal_id, made.wave_id, 2, who="Boss (1)") == "done"
    sheets.hurry(made.deps, made.world.portal_id, 2)
    upload(made, "wednesday.csv", [f"{taken.people[1].code};2026-03-02;10:1{n};Busy" for n in range(5)])
    assert sheets.start(made.deps, made.world.portal_id, made.wave_id, 4, who="Boss (1)") == "done"
    return made


def upload(made: Desk, name: str, rows: list[str]) -> int:
    """Bring a sheet back to be looked at."""
    data = "\n".join(["Code;Date;Time;Outcome", *rows]).encode()
    return sheets.begin(made.deps, made.world.portal_id, made.wave_id, name, data, who="Boss (1)")


def make(made: Desk, name: str, firm: str = "") -> Made:
    """A link for a caller."""
    return partners.make(made.deps, made.world.portal_id, made.wave_id, name=name, firm=firm, who="Boss (1)")


def work(made: Desk, link: Made, outcome: str, **form: str) -> None:
    """The caller of a link takes a client and writes down what came of it."""
    caller = partners.opened(made.deps, link.token, HOME)
    assert caller is not None
    assert desk.take(made.deps, caller) == "taken"
    card = desk.page(made.deps, caller).card
    assert card is not None
    partner_log.saw(made.deps, caller, card.invitation_id, HOME)
    assert made.record(card.key, outcome, caller, **form).status == "done"
