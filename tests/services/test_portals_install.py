"""Installation, proven at the authorisation server, and what it sets up in the portal (product.md T1, B1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from integration.services import chores, portals
from integration.services.setup import setup
from integration.store.base import Sessions
from integration.store.portals import Department, Portal, Stage, Staff
from tests.services.portal_world import World, world


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    with world(sessions) as made:
        yield made


def test_an_administrator_installs_and_the_portal_is_set_up_and_synchronised(place: World) -> None:
    """From the installer's frame alone everything follows: fields, bindings, settings, people, cards."""
    place.ready()
    row = place.row()
    assert row.status == "active"
    assert row.setup_at is not None
    assert row.synced_at is not None
    assert row.problem == ""
    assert row.time_zone == "Europe/Moscow"
    assert row.currency == "RUB"
    assert row.crm_mode == 1
    assert set(row.fields) == {"lead", "deal", "company", "contact"}
    assert set(row.fields["deal"]["UF_CRM_MOLVA_NPS_GROUP"]["items"]) == {"promoter", "passive", "detractor"}
    assert row.calendar["week_holidays"] == ["SA", "SU"]
    assert len(place.all(Staff)) == 1
    assert len(place.all(Department)) == 1
    assert {stage.stage_id for stage in place.all(Stage)} >= {"NEW", "WON", "C2:EXECUTING", "C2:WON"}
