"""The tab stands in each card once, at our address, whatever happened before (bitrix24.md 9.1; product.md B1, T1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from threading import Barrier, Thread
from typing import Any

import pytest

from integration.bitrix.errors import BitrixError, Retryable
from integration.services import setup
from integration.services.deps import Settings
from integration.services.setup import setup as set_up
from integration.store.base import Sessions, transaction
from integration.store.policies import PolicyRow
from integration.store.portals import Portal
from tests.services.portal_world import CLIENT_ID, World, world
from tests.services.ready_world import ready_world

KINDS = ("LEAD", "DEAL", "CONTACT", "COMPANY")


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    with ready_world(sessions) as made:
        yield made


def bound(place: World) -> list[tuple[str, str]]:
    """Place and handler of every binding of ours, as the portal has them."""
    rows = place.box.portal.state.placements
    return sorted((row["placement"], row["handler"]) for row in rows if row["client_id"] == CLIENT_ID)


def wanted(address: str) -> list[tuple[str, str]]:
    return sorted(
        (f"CRM_{kind}_DETAIL_TAB", f"{address}/bitrix/placement/crm_{kind.lower()}_detail_tab")
        for kind in KINDS
    )


def at(place: World, address: str) -> World:
    """The same Molva behind another public address."""
    settings = {name: getattr(place.deps.settings, name) for name in Settings.__dataclass_fields__}
    return replace(place, deps=replace(place.deps, settings=Settings(**{**settings, "public_url": address})))


def test_installation_puts_one_tab_into_each_card(place: World) -> None:
    """At our own address, titled in the languages of the portal."""
    assert bound(place) == wanted(place.address)
    titles = [row["langAll"] for row in place.box.portal.state.placements]
    assert all(set(one) == {"ru", "ua", "en"} and one["ru"]["TITLE"] for one in titles)


def test_set_up_run_twice_makes_no_second_tab(place: World) -> None:
    """A repeat would be a second tab in every card."""
    place.fresh_counters()
    assert set_up(place.deps, place.portal_id).added == 0
    assert "placement.bind" not in place.counters()["by_method"]
    assert bound(place) == wanted(place.address)


def test_a_new_address_of_molva_takes_the_tabs_along(place: World) -> None:
    """Bindings to the old host are taken away one by one; nothing is left that leads nowhere."""
    moved = at(place, "https://new.example")
    done = set_up(moved.deps, place.portal_id)
    assert bound(place) == wanted("https://new.example")
    assert done.problems == ()


def test_what_an_update_dropped_is_bound_anew(place: World) -> None:
    """Bindings vanish with each version of the application (bitrix24.md 2.5)."""
    place.box.control(f"/apps/{CLIENT_ID}/update", {})
    place.box.portal.state.placements.clear()
    set_up(place.deps, place.portal_id)
    assert bound(place) == wanted(place.address)


def test_a_tab_that_stands_twice_stands_once_afterwards(place: World) -> None:
    """And the bindings of others in the same place stay."""
    rows = place.box.portal.state.placements
    deal = next(row for row in rows if row["placement"] == "CRM_DEAL_DETAIL_TAB")
    rows += [dict(deal), {**deal, "handler": "https://other.example/own-tab"}]
    set_up(place.deps, place.portal_id)
    assert bound(place) == sorted(
        [*wanted(place.address), ("CRM_DEAL_DETAIL_TAB", "https://other.example/own-tab")]
    )


def test_only_places_that_the_portal_has_are_bound(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leads may be switched off; that is no problem."""
    from integration.bitrix.sandbox.methods import widgets

    monkeypatch.setattr(widgets, "CODES", widgets.CODES - {"CRM_LEAD_DETAIL_TAB"})
    place.box.portal.state.placements.clear()
    assert set_up(place.deps, place.portal_id).problems == ()
    assert [code for code, _ in bound(place)] == [
        code for code, _ in wanted(place.address) if "LEAD" not in code
    ]


def test_without_the_scope_everything_else_is_set_up(sessions: Sessions) -> None:
    """An application from before the tabs still installs; what is missing is said, and comes with the scope."""
    with world(sessions) as place:
        place.box.portal.state.apps[CLIENT_ID].scope = ["crm", "task", "user", "department"]
        place.ready()
        row = place.row()
        assert (row.status, row.problem) == ("active", "scope:placement")
        assert row.fields["deal"]
        assert set_up(place.deps, place.portal_id).problems == ("placement:insufficient_scope",)
        assert bound(place) == []
        place.box.portal.state.apps[CLIENT_ID].scope = ["crm", "task", "user", "department", "placement"]
        place.install()
        place.settle()
        assert bound(place) == wanted(place.address)
        assert place.row().problem == ""


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "500"])
def test_a_request_that_broke_off_makes_no_second_tab(place: World, fault: str) -> None:
    """A binding may have taken effect although nobody heard so: the next set-up looks first."""
    place.box.portal.state.placements.clear()
    place.fault(fault, method="placement.bind")
    for _ in range(4):
        try:
            set_up(place.deps, place.portal_id)
        except BitrixError:
            place.clock.advance(70)
    assert bound(place) == wanted(place.address)


def test_a_process_killed_after_binding_leaves_no_second_tab(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before anything was written down; the lease it held runs out, and the next one looks first."""

    def killed(*_given: Any, **_named: Any) -> None:
        raise Killed

    place.box.portal.state.placements.clear()
    monkeypatch.setattr(setup, "facts_of", killed)
    monkeypatch.setattr(setup.checks, "release", killed)
    with pytest.raises(Killed):
        set_up(place.deps, place.portal_id)
    monkeypatch.undo()
    assert bound(place) == wanted(place.address)
    with pytest.raises(Retryable, match="setup_under_way"):
        set_up(place.deps, place.portal_id)
    place.clock.advance(setup.ALONE.total_seconds() + 1)
    assert set_up(place.deps, place.portal_id).added == 0
    assert bound(place) == wanted(place.address)


def test_two_set_ups_at_once_make_one_tab(place: World) -> None:
    """The one that comes second is told that somebody is at it."""
    place.box.portal.state.placements.clear()
    barrier, outcomes = Barrier(2), []

    def run() -> None:
        barrier.wait(60)
        try:
            outcomes.append(set_up(place.deps, place.portal_id).added)
        except Retryable as error:
            outcomes.append(error.code)

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert bound(place) == wanted(place.address)
    assert set(outcomes) <= {4, 0, "setup_under_way"}
    assert 4 in outcomes


def test_own_referral_sources_become_values_of_the_list(place: World) -> None:
    """With the name the agency gave them; a source taken off the settings stays in the portal (product.md R1, B5)."""
    before = dict(place.row().fields["deal"]["UF_CRM_MOLVA_REFERRAL_SOURCE"]["items"])

    def settings(version: int, **body: Any) -> None:
        with transaction(place.deps.sessions) as session:
            now = place.clock.now()
            row = PolicyRow(portal_id=place.portal_id, version=version, body=body, author="a", saved_at=now)
            session.add(row)

    settings(
        1, referral_sources=[*before, "own_club"], referral_source_names={"own_club": "Клуб <b>друзей</b>"}
    )
    assert set_up(place.deps, place.portal_id).done == tuple(
        f"{kind}.list" for kind in ("lead", "deal", "company", "contact")
    )
    after = place.row().fields["deal"]["UF_CRM_MOLVA_REFERRAL_SOURCE"]["items"]
    assert {name: after[name] for name in before} == before
    field = place.act(1, "crm.deal.userfield.list", filter={"FIELD_NAME": "UF_CRM_MOLVA_REFERRAL_SOURCE"})
    assert [one["VALUE"] for one in field[0]["LIST"] if one["XML_ID"] == "own_club"] == ["Клуб <b>друзей</b>"]
    settings(2, referral_sources=list(before))
    assert set_up(place.deps, place.portal_id).added == 0


def test_a_webhook_has_no_tabs(sessions: Sessions) -> None:
    """Nothing can be embedded without an application (product.md T1)."""
    with world(sessions) as place:
        with transaction(sessions) as session:
            now = place.clock.now()
            row = Portal(
                member_id="w", client_id="webhook", kind="webhook", status="active", domain="w.example",
                endpoint="http://w.example/rest/", installed_at=now,
            )  # fmt: skip
            session.add(row)
            session.flush()
            number = row.id
        found = setup.wanted_of(place.deps, number)
        assert (found.base, found.events) == ("", ())
