""" "Never again" and "not a good moment", said by the client without a login (product.md W12, RFC 8058)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy.orm import Session

from integration import i18n
from integration.nps import touches
from integration.nps.addresses import email_key, phone_key
from integration.nps.intents import AddTimelineComment, Facts
from integration.nps.people import CardKey
from integration.nps.policy import Policy
from integration.nps.touches import DONE_STAGES
from integration.nps.workdays import local_day, zone_named
from integration.services import policies, survey_guard
from integration.services.calls_queue import Cause, queue_fields
from integration.services.deps import Deps
from integration.services.letter_drafts import calendar_for, plan_for
from integration.services.projects import names
from integration.services.standing import plan_of
from integration.services.survey_guard import Purpose
from integration.services.survey_pages import status_of
from integration.services.survey_types import OptOutResult, SnoozeResult, UnsubscribePage
from integration.services.writeback import tell
from integration.store import answers, responses
from integration.store.answers import Asked
from integration.store.base import reading, transaction
from integration.store.clients import OptOut
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave

FIELD = "UF_CRM_MOLVA_OPT_OUT"


def page(deps: Deps, token: str) -> UnsubscribePage:
    """The unsubscribe page of a link. It changes nothing and never expires (product.md S6)."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        found = answers.asked_by_any_token(session, token)
        if found is None:
            return UnsubscribePage("unknown")
        said = answers.opt_out_of(session, found.portal.id, address_of(found.invitation))
        return UnsubscribePage(
            status="done" if said else "open",
            language=_language(found),
            agency=answers.agency_name(session, found.portal),
            nonce=survey_guard.sign_nonce(deps, found.invitation, now),
        )


def opt_out(
    deps: Deps,
    token: str,
    *,
    source: str = "link",
    one_click: bool = False,
    proof: str = "",
    sure: bool = False,
    user_agent: str = "",
) -> OptOutResult:
    """Never ask this person again, on any card, in any later wave.

    `one_click`: the body was `List-Unsubscribe=One-Click`, posted by a mail provider (RFC 8058); it needs
    nothing else. Otherwise `proof` is the one-time value of `survey.prove` for `unsubscribe`, or that of a
    confirmation step, which counts only if the person ticked the box (`sure`). Saying it twice is fine.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = answers.asked_by_any_token(session, token)
        if found is None:
            return OptOutResult("unknown")
        seen = OptOutResult("done", _language(found), answers.agency_name(session, found.portal))
        if not one_click and (
            answer := _unproven(deps, session, found, "unsubscribe", proof, sure, user_agent, now)
        ):
            return OptOutResult("needs_confirmation", seen.language, seen.agency, answer)
        record(session, found.invitation, source="one_click" if one_click else source, now=now)
        return seen


def record(session: Session, invitation: Invitation, *, source: str, now: datetime) -> None:
    """Write the opt-out of an invitation's person down, once, with everything that follows from it.

    It holds at once for every card with the same address or number (product.md E3): their invitations that are still
    open end as `opted_out`, waiting letters are taken back, and the field goes to each of these cards (W12).
    """
    answers.hold_closing(session, invitation.portal_id)
    theirs = answers.invitations_to(session, invitation.portal_id, invitation)  # locks: one at a time
    fresh = answers.opt_out_of(session, invitation.portal_id, address_of(invitation)) is None
    _keep(session, invitation, source, now)
    said = answers.opt_out_of(session, invitation.portal_id, address_of(invitation))
    for other in theirs:
        if not other.outcome:
            _end(session, other, now)
        answers.cancel_letters(session, other.portal_id, now, invitation_id=other.id, thanks_too=True)
    if said is not None:
        _write_fields(session, invitation.portal_id, {i.contact_id for i in theirs}, said, now)
    if fresh:
        _tell(session, invitation, "never", {}, 1, now)


def _keep(session: Session, invitation: Invitation, source: str, now: datetime) -> None:
    """The word stands under the address and under the number, so that no card with either is asked."""
    keys = {address_of(invitation), phone_key(invitation.phone)} - {""}
    for key in sorted(keys):
        if answers.opt_out_of(session, invitation.portal_id, key) is None:
            session.add(
                OptOut(
                    portal_id=invitation.portal_id, address=key, contact_id=invitation.contact_id, source=source,
                    said_at=now,
                )
            )  # fmt: skip
    session.flush()


def snooze(
    deps: Deps, token: str, *, proof: str = "", sure: bool = False, user_agent: str = ""
) -> SnoozeResult:
    """Not a good moment: nothing for `snooze_days`, then once more (product.md W12)."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = answers.asked_by_token(session, token, lock=True)
        response = responses.response_of(session, found.portal.id, found.invitation.id) if found else None
        if found is None or status_of(session, found, response, now) != "open" or found.invitation.outcome:
            return SnoozeResult("closed")
        if confirm := _unproven(deps, session, found, "snooze", proof, sure, user_agent, now):
            return SnoozeResult("needs_confirmation", confirm=confirm)
        rules = policies.load_version(session, found.portal.id, found.wave.policy_version)
        until = now + timedelta(days=rules.snooze_days)
        again = _comes_back(found, rules, until, now)
        found.invitation.snoozed_until = until
        found.invitation.due_at = now  # the machine works out when to look again (nps.waves.next_touch)
        answers.cancel_letters(session, found.portal.id, now, invitation_id=found.invitation.id)
        zone = zone_named(found.invitation.time_zone or rules.time_zone)
        day = local_day(again, zone) if again else None
        shown = i18n.day(i18n.language_of(found.portal.language), day) if day else ""
        _tell(session, found.invitation, "later", {"day": shown}, local_day(until, zone).toordinal(), now)
        return SnoozeResult("done", again, day=day)


def comes_back(deps: Deps, token: str) -> bool:
    """Whether a person who says "not a good moment" now would be asked once more in this survey. Changes nothing."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        found = answers.asked_by_token(session, token)
        if found is None:
            return False
        rules = policies.load_version(session, found.portal.id, found.wave.policy_version)
        return _comes_back(found, rules, now + timedelta(days=rules.snooze_days), now) is not None


def _comes_back(found: Asked, rules: Policy, until: datetime, now: datetime) -> datetime | None:
    plan = plan_of(found.wave)
    if found.wave.stage in DONE_STAGES:
        return None
    if plan is None:
        return until
    plan = plan_for(found.wave, plan, found.invitation)
    calendar = calendar_for(found.portal, rules, now).letters
    return touches.comes_back(until, plan, found.invitation.time_zone or rules.time_zone, calendar)


def address_of(invitation: Invitation) -> str:
    """What names the person for good: the e-mail, else the phone, else the card."""
    return email_key(invitation.address) or phone_key(invitation.phone) or f"contact:{invitation.contact_id}"


def _unproven(
    deps: Deps,
    session: Session,
    found: Asked,
    purpose: Purpose,
    proof: str,
    sure: bool,
    user_agent: str,
    now: datetime,
) -> str:
    """Empty if a person stands behind the request, else the one-time value for a confirmation step."""
    second: Purpose = "unsubscribe_2" if purpose == "unsubscribe" else "snooze_2"
    purposes: tuple[Purpose, ...] = (purpose, second) if sure else (purpose,)
    if survey_guard.judge(session, found.invitation, proof, purposes, user_agent, now).proven:
        return ""
    return survey_guard.issue(deps, session, found.invitation, second, now, now)


def _tell(
    session: Session,
    invitation: Invitation,
    code: Literal["later", "never"],
    facts: Facts,
    number: int,
    now: datetime,
) -> None:
    """One comment in the timeline of the client's card: staff learn what the person chose (product.md W12)."""
    found = answers.asked(session, invitation.portal_id, invitation.id)
    if found is None or found.portal.status == "uninstalled":
        return
    kind = "company" if found.client.client_kind == "company" else "contact"
    wave = names.in_words(found.portal, found.wave)
    told: Facts = {"wave": wave, "person": invitation.name, "role": invitation.role, **facts}
    intent = AddTimelineComment(CardKey(cast("Any", kind), found.client.client_id), code, told)
    tell(session, found.portal, intent, Cause(code, invitation.id, number), now)


def _end(session: Session, invitation: Invitation, now: datetime) -> None:
    invitation.outcome, invitation.outcome_at, invitation.due_at = "opted_out", now, None
    wave = session.get(Wave, invitation.wave_id)
    if wave is not None and wave.stage == "closing":
        wave.step_due_at = now  # the last outcome may be this one


def _write_fields(session: Session, portal_id: int, contacts: set[int], said: OptOut, now: datetime) -> None:
    """The card keeps it too, so that it outlives a re-installation. The same opt-out is queued once."""
    portal = session.get_one(Portal, portal_id)
    for contact_id in sorted(contacts):
        queue_fields(
            session, portal, CardKey("contact", contact_id), {FIELD: "Y"}, purpose="field",
            cause=Cause("optout", contact_id), now=now, key=f"optout:{contact_id}:{said.said_at:%Y%m%dT%H%M%S}",
        )  # fmt: skip


def _language(found: Asked) -> str:
    return i18n.known(found.invitation.language, i18n.language_of(found.portal.language))
