"""What every rule about people of a survey starts from: its portal, rules, days and calendar, read together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from sqlalchemy.orm import Session

from integration.nps import projects
from integration.nps.plans import Plan
from integration.nps.policy import Policy
from integration.nps.workdays import local_day, zone_named
from integration.services import policies
from integration.services.calendars import PortalCalendar, portal_calendar
from integration.store.portals import Portal
from integration.store.waves import Wave, WaveClient


@dataclass(frozen=True, slots=True)
class Ground:
    """A wave with its rules and calendar as they stood when it was frozen."""

    portal: Portal
    wave: Wave
    policy: Policy
    plan: Plan
    calendar: PortalCalendar


class Lines(Protocol):
    """Whatever knows the lines of a list by their own number."""

    @property
    def clients(self) -> Mapping[int, WaveClient]:
        """Lines of the list."""


@dataclass(frozen=True, slots=True)
class OnlyLines:
    """The lines of some people and nothing else about them."""

    clients: Mapping[int, WaveClient]


def ground(session: Session, wave: Wave, now: datetime) -> Ground:
    """Read it. Raises `LookupError` if the portal is gone."""
    portal = session.get(Portal, wave.portal_id)
    if portal is None:
        raise LookupError("no such portal")
    policy = policies.load_version(session, portal.id, wave.policy_version)
    if wave.kind == projects.KIND:
        policy = projects.rules(policy)
    plan = Plan.from_json(wave.plan)
    return Ground(portal, wave, policy, plan, calendar_for(portal, policy, now))


def calendar_for(portal: Portal, policy: Policy, now: datetime) -> PortalCalendar:
    """The portal's working days around a moment."""
    today: date = local_day(now, zone_named(policy.time_zone))
    return portal_calendar(portal.calendar or {}, policy, today)
