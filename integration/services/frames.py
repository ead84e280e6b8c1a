"""Who opened a page inside the portal, and what the page is told about the installation (product.md P2, P3).

The frame's fields are user input. Whose token it is says the authorisation server, whether the person is an
administrator says the portal; the answer travels in a signed value for a quarter of an hour.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from urllib.parse import urlsplit

from integration.bitrix import calls
from integration.bitrix.errors import BitrixError, Retryable, Suspended
from integration.bitrix.protocol import Frame
from integration.i18n import language_of
from integration.nps.plans import Plan
from integration.services import policies, portals, states
from integration.services.deps import Deps, Grant
from integration.store import chores, overviews
from integration.store import portals as rows
from integration.store.base import reading
from integration.store.portals import Portal

SESSION_SECONDS = 15 * 60
PURPOSE = "frame"
SET_UP_CHORES = ("setup", "first_sync")
NEEDS_ADMINISTRATOR = ("new", "reauthorise", "uninstalled")


class FrameRefused(Exception):
    """The frame's opener was not accepted; `code` says why, for a catalogue.

    Those of `portals.InstallRefused`, and `not_installed`: an administrator has to open the application first.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person in a portal, proven. `origin`: the portal's address as a browser writes it in a header."""

    portal_id: int
    user_id: int
    administrator: bool
    language: str
    origin: str


@dataclass(frozen=True, slots=True)
class PortalState:
    """The state of an installation for people. Moments are UTC, `wave_days` calendar days of the portal.

    `cards` counts companies, contacts and deals; `stuck` calls and letters that wait for a person;
    `failed` names set-up work that was given up; `wave_days` the planned days of the steps ahead by name.
    """

    portal_id: int
    domain: str
    status: str
    problem: str
    language: str
    time_zone: str
    setup_at: datetime | None
    synced_at: datetime | None
    worker_seen_at: datetime | None
    fields: int
    cards: dict[str, int]
    failed: tuple[str, ...]
    stuck: dict[str, int]
    has_sender: bool
    wave: str = ""
    wave_stage: str = ""
    wave_approved: bool = False
    wave_days: dict[str, date] = field(default_factory=dict)
    invited: int = 0
    answered: int = 0


def open_frame(deps: Deps, frame: Frame) -> Viewer:
    """Prove who opened the frame; raise `FrameRefused` (bitrix24.md 2.9).

    An administrator who opens the application of a portal that has lost its access gives it a new one.
    """
    try:
        grant = portals.prove(deps, frame.grant)
    except portals.InstallRefused as refused:
        raise FrameRefused(refused.code) from None
    administrator = _is_administrator(deps, grant, frame.grant.access_token)
    portal = _portal(deps, grant)
    if portal is None or portal.status in NEEDS_ADMINISTRATOR:
        portal = _take_in(deps, frame, administrator)
    elif portal.status == "suspended":
        states.resume(deps, portal.id)  # the portal has just answered
    return viewer(portal, grant.user_id, administrator, frame.language)


def viewer(portal: Portal, user_id: int, administrator: bool, language: str) -> Viewer:
    """The viewer of a stored portal; `language` is the Bitrix24 code of this person."""
    scheme = urlsplit(portal.endpoint).scheme or "https"
    own = language_of(language, language_of(portal.language))
    return Viewer(portal.id, user_id, administrator, own, f"{scheme}://{portal.domain}")


def installed(deps: Deps, frame: Frame) -> Viewer:
    """Install the application for the administrator who opened the frame; raise `FrameRefused`. Safe to repeat."""
    try:
        done = portals.install(deps, frame.grant, frame.language)
    except portals.InstallRefused as refused:
        raise FrameRefused(refused.code) from None
    with reading(deps.sessions) as session:
        portal = rows.get(session, done.portal_id)
    if portal is None:
        raise FrameRefused("not_installed")
    return viewer(portal, done.user_id, True, frame.language)


def seal(deps: Deps, who: Viewer) -> str:
    """The signed value that stands for a viewer in the page's own requests (product.md P3)."""
    return deps.signer.sign(PURPOSE, asdict(who), deps.clock.now())


def unseal(deps: Deps, text: str) -> Viewer | None:
    """The viewer of a signed value; nothing if it is forged, older than 15 minutes, or the portal is gone."""
    value = deps.signer.open(PURPOSE, text, deps.clock.now(), SESSION_SECONDS) if text else None
    if value is None:
        return None
    try:
        who = Viewer(**value)
    except TypeError:
        return None
    with reading(deps.sessions) as session:
        portal = rows.get(session, who.portal_id)
    return who if portal is not None and portal.status != "uninstalled" else None


def state(deps: Deps, portal_id: int) -> PortalState | None:
    """The state of an installation; nothing if there is no such portal."""
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
        if portal is None:
            return None
        policy, _version = policies.load(session, portal_id)
        found = overviews.current_wave(session, portal_id)
        known = PortalState(
            portal_id=portal_id, domain=portal.domain, status=portal.status, problem=portal.problem,
            language=language_of(portal.language), time_zone=portal.time_zone, setup_at=portal.setup_at,
            synced_at=portal.synced_at, worker_seen_at=chores.last_beat(session),
            fields=sum(len(codes) for codes in portal.fields.values() if isinstance(codes, dict)),
            cards=overviews.cards(session, portal_id),
            failed=tuple(overviews.failed_chores(session, portal_id, SET_UP_CHORES)),
            stuck=overviews.stuck(session, portal_id), has_sender=bool(policy.senders),
        )  # fmt: skip
        return _with_wave(known, found) if found else known


def _with_wave(known: PortalState, found: overviews.WaveCounts) -> PortalState:
    wave = found.wave
    try:
        plan = Plan.from_json(wave.plan)
    except (KeyError, ValueError, TypeError):
        days: dict[str, date] = {}
    else:
        days = dict[str, date](plan.stage_days())
    return replace(
        known, wave=wave.name, wave_stage=wave.stage, wave_approved=wave.approved_at is not None, wave_days=days,
        invited=found.invited, answered=found.answered,
    )  # fmt: skip


def _portal(deps: Deps, grant: Grant) -> Portal | None:
    with reading(deps.sessions) as session:
        found = rows.by_member(session, grant.member_id)
    return next((portal for portal in found if portal.client_id == grant.client_id), None)


def _take_in(deps: Deps, frame: Frame, administrator: bool) -> Portal:
    if not administrator:
        raise FrameRefused("not_installed")
    who = installed(deps, frame)
    with reading(deps.sessions) as session:
        portal = rows.get(session, who.portal_id)
    if portal is None:
        raise FrameRefused("not_installed")
    return portal


def _is_administrator(deps: Deps, grant: Grant, token: str) -> bool:
    """The portal's word, asked with the person's own token at the address the authorisation server named."""
    try:
        profile = deps.rest(grant.endpoint, token).call(calls.profile()).result
    except Retryable:
        raise FrameRefused("unreachable") from None
    except Suspended:
        raise FrameRefused("suspended") from None
    except BitrixError:
        raise FrameRefused("dead_token") from None
    if not isinstance(profile, dict) or not profile:
        raise FrameRefused("dead_token")  # dismissed
    return profile.get("ADMIN") in (True, "Y", "true", "1")


def is_known(deps: Deps, domain: str) -> bool:
    """Whether one of our portals has this address."""
    with reading(deps.sessions) as session:
        return rows.has_domain(session, domain.lower())
