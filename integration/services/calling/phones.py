"""Another number of a respondent, entered by staff: calls to them begin anew (product.md W7)."""

from __future__ import annotations

from integration.nps.addresses import phone_key
from integration.services import policies
from integration.services.deps import Deps
from integration.services.waves_errors import WaveError
from integration.services.waves_people import normal_phone
from integration.store import answers, call_facts, wave_queries
from integration.store.base import transaction

OF_THE_NUMBER = (
    "wrong_number",
    "out_of_service",
    "no_phone",
)  # why calls were over that another number settles
CHANGED = "phone"


def change(deps: Deps, portal_id: int, wave_id: int, invitation_id: int, number: str, who: str) -> None:
    """Call this person on another number from now on, in this wave; the card keeps its own.

    Calls that were over because of the number go on; used up attempts stay used up. Entering the same twice is once.
    Raises `WaveError`: `bad_phone`, `same_phone` (calls to it go on already), `has_ended`, `is_over`, `no_calls`,
    `never_again` (the number, or the person, is of somebody who wants no questions), `number_taken` (it is that of
    somebody else on this list), `nobody_chosen`.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = answers.asked(session, portal_id, invitation_id, lock=True)
        if found is None or found.wave.id != wave_id:
            raise WaveError("nobody_chosen")
        wave, one = found.wave, found.invitation
        if wave.stage in wave_queries.DONE_STAGES:
            raise WaveError("is_over", wave.name)
        if wave.plan.get("calling") is None:
            raise WaveError("no_calls")
        if one.outcome:
            raise WaveError("has_ended")
        policy = policies.load_version(session, portal_id, wave.policy_version)
        phone = normal_phone(number.strip(), policy.country)
        if not phone:
            raise WaveError("bad_phone")
        if phone == one.phone and one.calls_over not in OF_THE_NUMBER:
            raise WaveError("same_phone")
        keys = {phone_key(phone), f"contact:{one.contact_id}"}
        if wave_queries.opt_outs(session, portal_id, keys):
            raise WaveError("never_again")
        if phone != one.phone and call_facts.is_called(session, one, phone_key(phone)):
            raise WaveError("number_taken")
        if phone != one.phone:
            call_facts.look_at_number(session, one, now)  # a colleague may have the former one
        before, one.phone = one.phone, phone
        if one.calls_over in OF_THE_NUMBER:
            one.calls_over = ""
        one.due_at = now  # the machine looks at the person anew, and says from when on somebody calls
        told = f"{found.client.client_kind}:{found.client.client_id}: {_end(before)} → {_end(phone)}"
        wave_queries.note(session, wave, now, CHANGED, who, told)


def _end(phone: str) -> str:
    """The last digits, enough to tell numbers apart: the trail outlives the person's data."""
    return f"…{phone[-4:]}" if phone else "—"
