"""The check-list tells what is there, asks little, and repairs only what is missing (product.md B1, T1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from integration.services import checklist, health, setup
from integration.services.checklist import Item
from integration.services.stuck_work import call_reason, letter_reason
from integration.store import chores
from integration.store.base import Sessions, transaction
from tests.conftest import a_portal
from tests.services.portal_world import CLIENT_ID, World
from tests.services.ready_world import ready_world


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    with ready_world(sessions) as made:
        health.heartbeat(made.deps, "worker-1")
        yield made


def lines(place: World, code: str) -> dict[str, Item]:
    """Items of one code, by kind and part of card."""
    found = checklist.read(place.deps, place.portal_id)
    assert found is not None
    return {
        f"{item.facts.get('kind', '')}{item.facts.get('part', '')}": item
        for item in found.items
        if item.code == code
    }


def states(place: World, code: str) -> dict[str, str]:
    return {name: item.state for name, item in lines(place, code).items()}


def test_after_an_installation_all_is_in_place_but_the_cards(place: World) -> None:
    """Known from the set-up itself, without a further request; how cards are laid out only a check tells."""
    place.fresh_counters()
    for code in ("scopes", "events", "worker", "first_sync"):
        assert states(place, code) == {"": "ok"}, code
    kinds = ("deal", "company", "contact", "lead")
    assert states(place, "fields") == dict.fromkeys(kinds, "ok")
    assert states(place, "tab") == dict.fromkeys(kinds, "ok")
    assert set(states(place, "layout").values()) == {"unknown"}
    assert place.counters()["http"] == 0
    found = checklist.read(place.deps, place.portal_id)
    assert found is not None
    assert found.checked_at is not None
    assert found.open == ()


def test_a_check_asks_the_portal_twice_at_most_and_changes_nothing(place: World) -> None:
    before = place.dump()
    place.fresh_counters()
    assert checklist.check(place.deps, place.portal_id) == ""
    counted = place.counters()
    assert counted["http"] <= checklist.REQUESTS
    assert not [name for name in counted["by_method"] if name.endswith((".add", ".bind", ".update", ".set"))]
    assert place.dump()["user_fields"] == before["user_fields"]


def test_whatever_is_missing_is_seen_and_repaired_and_nothing_else(place: World) -> None:
    """A field, a list value, bindings, a tab; twice repaired is once repaired."""
    fields = place.row().fields["deal"]
    place.box.control("/events/flush", {"timeout": 60})
    place.act(1, "crm.deal.userfield.delete", id=fields["UF_CRM_MOLVA_NPS_DATE"]["id"])
    for row in place.box.portal.state.user_fields.rows.values():
        if row["FIELD_NAME"] == "UF_CRM_MOLVA_ROLE":
            row["LIST"] = [one for one in row["LIST"] if one["XML_ID"] != "daily"]
    place.box.portal.state.placements[:] = [
        row for row in place.box.portal.state.placements if row["placement"] != "CRM_LEAD_DETAIL_TAB"
    ]
    place.box.portal.state.bindings[:] = []
    assert checklist.check(place.deps, place.portal_id) == ""
    assert states(place, "events") == {"": "missing"}
    assert lines(place, "fields")["deal"].facts["missing"] == ["UF_CRM_MOLVA_NPS_DATE"]
    assert lines(place, "items")["contact"].facts["missing"] == ["UF_CRM_MOLVA_ROLE=daily"]
    assert states(place, "tab")["lead"] == "missing"
    done = checklist.repair(place.deps, place.portal_id, "Ada (1)")
    assert done.code == ""
    assert "deal.MOLVA_NPS_DATE" in done.done
    assert "contact.list" in done.done
    assert "CRM_LEAD_DETAIL_TAB" in done.done
    assert "ONCRMDEALUPDATE" in done.done
    again = checklist.repair(place.deps, place.portal_id, "Bob (2)")
    assert (again.done, again.problems, again.code) == ((), (), "")
    found = checklist.read(place.deps, place.portal_id)
    assert found is not None
    assert found.open == ()
    assert found.repair["who"] == "Bob (2)"


def test_a_field_somebody_else_made_is_named_and_left_alone(place: World) -> None:
    """A person has to settle it."""
    for row in place.box.portal.state.user_fields.rows.values():
        if row["FIELD_NAME"] == "UF_CRM_MOLVA_NPS_SCORE" and row["ENTITY_ID"] == "CRM_DEAL":
            row["USER_TYPE_ID"] = "string"
    done = checklist.repair(place.deps, place.portal_id, "a")
    assert done.done == ()
    assert done.problems == ("deal.UF_CRM_MOLVA_NPS_SCORE:wrong_type",)
    assert lines(place, "fields")["deal"].state == "wrong"


def test_a_missing_scope_is_one_line_and_not_a_failure(place: World) -> None:
    """The rest is checked and repaired all the same."""
    place.box.portal.state.apps[CLIENT_ID].scope = ["crm", "task", "user", "department"]
    place.install()
    place.settle()
    assert checklist.check(place.deps, place.portal_id) == ""
    assert lines(place, "scopes")[""].facts["missing"] == ["placement"]
    assert {item.facts["how"] for item in lines(place, "tab").values()} == {"no_scope"}
    assert set(states(place, "fields").values()) == {"ok"}


def test_how_the_cards_are_laid_out_is_told_for_each_pipeline(place: World) -> None:
    sections = [
        {"name": "a", "title": "A", "type": "section", "elements": [{"name": "UF_CRM_MOLVA_NPS_SCORE"}]}
    ]
    place.box.portal.state.layouts[(2, "C", 0, 2)] = sections
    assert checklist.check(place.deps, place.portal_id) == ""
    found = lines(place, "layout")
    assert (found["deal2"].state, found["deal2"].facts["shown"]) == ("missing", 1)
    assert found["deal2"].facts["of"] > 1
    assert (found["deal0"].state, found["deal0"].facts["stored"]) == ("unknown", False)


def test_work_that_does_not_run_is_seen(place: World) -> None:
    """A silent worker, a comparison that is overdue, a first reading that was given up and is begun anew."""
    place.clock.advance(timedelta(days=1).total_seconds())
    assert states(place, "worker") == {"": "wrong"}
    assert states(place, "reconciled") == {"": "wrong"}
    with transaction(place.deps.sessions) as session:
        row = chores.get(session, place.portal_id, "first_sync")
        assert row is not None
        row.status = "buried"
    assert states(place, "first_sync") == {"": "wrong"}
    assert "chore:first_sync" in checklist.repair(place.deps, place.portal_id, "a").done
    assert states(place, "first_sync") == {"": "busy"}
    place.settle()
    assert states(place, "first_sync") == {"": "ok"}
    assert states(place, "reconciled") == {"": "ok"}


def test_a_portal_that_does_not_answer_keeps_what_was_known(place: World) -> None:
    """The page still opens, with the moment of the last look."""
    before = checklist.read(place.deps, place.portal_id)
    place.clock.advance(60)
    place.box.control("/settings", {"down": True})
    assert checklist.check(place.deps, place.portal_id) != ""
    assert checklist.repair(place.deps, place.portal_id, "a").code != ""
    after = checklist.read(place.deps, place.portal_id)
    assert before is not None
    assert after is not None
    assert after.checked_at == before.checked_at
    assert after.repair == {}


def test_two_administrators_at_once_repair_once(place: World) -> None:
    """The second is told that it is being done."""
    with setup._alone(place.deps, place.portal_id):
        assert checklist.repair(place.deps, place.portal_id, "b").code == setup.UNDER_WAY


def test_a_portal_we_do_not_know_has_no_check_list(place: World, sessions: Sessions) -> None:
    """And another portal's list tells nothing of this one."""
    assert checklist.read(place.deps, 999) is None
    assert checklist.check(place.deps, 999) == "unknown"
    with transaction(sessions) as session:
        other = a_portal(member_id="other", synced_at=None, setup_at=None)
        session.add(other)
        session.flush()
        number = other.id
    found = checklist.read(place.deps, number)
    assert found is not None
    assert found.checked_at is None
    assert {item.state for item in found.items if item.code in ("events", "fields", "last_event")} == {
        "unknown"
    }


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("", ("", "")),
        ("fields_missing: UF_CRM_X, UF_CRM_Y=a", ("fields_missing", "UF_CRM_X, UF_CRM_Y=a")),
        ("unknown_outcome", ("unknown_outcome", "")),
        ("gave_up: crm.item.update: QUERY_LIMIT_EXCEEDED", ("busy", "")),
        ("breaks: batch: INTERNAL_SERVER_ERROR", ("breaks", "")),
        ("crm.item.update: INTERNAL_SERVER_ERROR", ("away", "")),
        ("batch: paced", ("busy", "")),
        ("access: reauthorise", ("away", "")),
        ("access_denied: Доступ запрещён", ("rights", "")),
        ("no_right: insufficient_scope", ("rights", "")),
        ("gave_up: crm.item.update: METHOD_CONFIRM_WAITING", ("rights", "")),
        ("not_found: Элемент не найден", ("gone", "")),
        ("100: <b>Сумма</b> не число", ("refused", "Сумма  не число")),
        ("error_core", ("refused", "error_core")),
    ],
)
def test_why_a_call_failed_is_a_code_for_people(error: str, reason: tuple[str, str]) -> None:
    """Errors as the outbox writes them; the portal's words come without markup."""
    assert call_reason(error) == reason


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        ("unknown", "interrupted", ("in_doubt", "")),
        ("buried", "address_refused 550 no such user", ("address_refused", "550 no such user")),
        ("buried", "gave_up 451 later", ("mail_gave_up", "451 later")),
        ("waiting", "hours", ("hours", "")),
        ("waiting", "portal_suspended", ("portal", "")),
        ("waiting", "451 greylisted", ("later", "451 greylisted")),
        ("waiting", "", ("", "")),
    ],
)
def test_why_a_letter_waits_is_a_code_for_people(status: str, error: str, reason: tuple[str, str]) -> None:
    assert letter_reason(status, error) == reason
