"""Cards of a wave that were merged: two lines become one, and nobody is asked as two clients (product.md E3, E7).

The wave's row is held, so that no answer is recorded meanwhile. What was frozen stays to be read: the line of the card
that is gone ends as an exclusion that names the other, unless the other had none, which then takes its place.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from integration.nps.people import ClientKey
from integration.nps.touches import MACHINE, MERGED, InvitationFacts
from integration.services import heirs, letters, survey_effects, wave_refusals
from integration.services.calling.replay import replayed
from integration.services.calls_queue import Cause
from integration.services.deps import Deps
from integration.services.letter_drafts import Scene
from integration.services.waves_cards import write_survey_url
from integration.store import answers, call_moves, cards_view, wave_cards, wave_queries
from integration.store.wave_cards import key_of
from integration.store.waves import Invitation, WaveClient

# Why the card that lives was not to be asked, although its merged twin was: then the twin's people are not, either.
_BARRED = ("asked_recently", "opted_out", "excluded_by_hand")
_RANK = {"answered": 0, "": 1}
# What one person has said goes before being asked still, on whichever card it was said.
_SAID = {"answered": 0, "refused": 1, "opted_out": 1, "": 2}


def settle(deps: Deps, session: Session, stage: Scene, due: Sequence[Invitation], now: datetime) -> bool:
    """Follow the merges among the cards of these invitations; whether anything was changed by it."""
    portal_id = stage.portal.id
    lines = wave_queries.clients_by_id(session, portal_id, stage.wave.id, {i.wave_client_id for i in due})
    clients = {key_of(line): line for line in lines.values()}
    people = {ClientKey("contact", i.contact_id) for i in due}
    lost = wave_cards.gone(session, portal_id, {*clients, *people})
    changed = False
    for key in sorted(lost):
        heir = heirs.heir_of(session, portal_id, key)
        if heir is None:
            continue
        if (
            key in clients
            and (line := wave_cards.line_of(session, portal_id, stage.wave.id, key)) is not None
        ):
            _fold(deps, session, stage, line, heir, now)
            changed = True
        if key in people:
            changed |= _same_person(deps, session, stage, key.id, heir.id, now)
    return changed


def _fold(
    deps: Deps, session: Session, stage: Scene, line: WaveClient, heir: ClientKey, now: datetime
) -> None:
    """The line of a client that was merged: renamed to the card that lives, or folded into its line."""
    old, wave = key_of(line), stage.wave
    wave_queries.note(session, wave, now, "merged", detail=f"{old} -> {heir}")
    wave_cards.move_followups(session, stage.portal.id, old, heir)
    target = wave_cards.line_of(session, stage.portal.id, wave.id, heir)
    if target is None:
        line.client_kind, line.client_id = heir
        if (card := cards_view.titles(session, stage.portal.id, heir)) is not None:
            line.name = card[0][:500]
        target = line
        session.flush()
    else:
        _into(session, stage, line, target, now)
    _tell_the_cards(deps, session, stage, target.id, old)


def _into(session: Session, stage: Scene, line: WaveClient, target: WaveClient, now: datetime) -> None:
    """Everybody of `line` belongs to `target` from now on; of those not heard yet no more are asked than may be."""
    barred = target.reason in _BARRED
    if line.reason == "excluded_by_hand":
        _exclude(target, line.reason_detail)
    elif line.eligible and not target.eligible and not barred:
        _take_over(line, target)
    target.yearly_revenue, line.yearly_revenue = target.yearly_revenue + line.yearly_revenue, Decimal(0)
    target.deal_ids = sorted({*target.deal_ids, *line.deal_ids, line.deal_id or 0} - {0, target.deal_id or 0})
    moved = wave_cards.invitations_of(session, stage.portal.id, [line.id])
    for invitation in moved:
        invitation.wave_client_id, invitation.due_at = target.id, now
    session.flush()
    call_moves.line_follows(session, stage.portal.id, line.id, target.id, now)
    talking = call_moves.in_hand(session, stage.portal.id, target.id, now)
    line.eligible, line.reason = False, "excluded_by_hand"
    line.reason_detail = f"{MACHINE}: {MERGED}:{key_of(target)}"
    session.flush()
    everybody = wave_cards.invitations_of(session, stage.portal.id, [target.id])
    living = [one for one in everybody if one.outcome in _RANK]
    living.sort(key=lambda one: (_RANK[one.outcome], one.id != talking, *_owed(one), one in moved, one.id))
    extra = [one for one in moved if one.outcome == ""] if barred else living[stage.policy.max_respondents :]
    _end(session, stage, [one for one in extra if one.outcome == ""], now)


def _owed(one: Invitation) -> tuple[bool, int, int]:
    """Whoever was promised a call-back is asked before others, then whoever was written to and called more."""
    return one.promised_at is None, -len(one.touches), -one.attempts


def _take_over(line: WaveClient, target: WaveClient) -> None:
    """The card that lives was out, by its own deals or for now; with those of its twin it is a client to be asked."""
    target.eligible, target.reason, target.reason_detail = True, "", ""
    target.since, target.since_source = line.since, line.since_source
    target.deal_id, target.salesperson_id = line.deal_id, line.salesperson_id
    target.manager_id = target.manager_id or line.manager_id


def _exclude(target: WaveClient, detail: str) -> None:
    if target.reason != "excluded_by_hand":
        target.eligible, target.reason, target.reason_detail = False, "excluded_by_hand", detail


def _same_person(deps: Deps, session: Session, stage: Scene, gone: int, heir: int, now: datetime) -> bool:
    """The invitation of a person whose card was merged goes on under the one that lives, unless that is asked, too."""
    portal_id, wave_id = stage.portal.id, stage.wave.id
    mine = wave_cards.invitation_to(session, portal_id, wave_id, gone)
    if mine is None or mine.outcome == "excluded":
        return False
    other = wave_cards.invitation_to(session, portal_id, wave_id, heir)
    if other is None:
        _now_of(deps, session, stage, mine, heir, now)
        return True
    best, rest = sorted((other, mine), key=lambda one: _SAID.get(one.outcome, 3))
    if best is mine:  # what was said stands under the card that lives; a card is asked once in a wave
        other.contact_id = -other.id
        session.flush()
        _now_of(deps, session, stage, mine, heir, now)
        other.contact_id = gone
    letters_at = [one.last_letter_at for one in (mine, other) if one.last_letter_at]
    best.last_letter_at = max(letters_at, default=None)
    _calls_follow(session, stage, rest, best, now)
    if rest.outcome != "":
        return best is mine
    _end(session, stage, [rest], now)
    rest.outcome_detail = {**rest.outcome_detail, call_moves.INTO: best.id}
    return True


def _calls_follow(session: Session, stage: Scene, rest: Invitation, best: Invitation, now: datetime) -> None:
    """It is one person: what was called under either card counts for both, what was promised is owed, and "not now" is
    waited for (product.md W7, W12); the second "not now" is a refusal."""
    call_moves.lease_follows(session, rest, best, now)
    made = call_moves.attempts_follow(session, rest, best)
    snoozed = [one.snoozed_until for one in (rest, best) if one.snoozed_until]
    rest.promised_at = rest.call_due_at = rest.call_until = None
    if best.outcome:
        return
    best.snoozed_until, best.due_at = max(snoozed, default=None), now
    if not made:
        return
    facts = InvitationFacts(best.id, ClientKey("contact", best.contact_id), best.contact_id, phone=best.phone)
    after = replayed(facts, made, stage.policy)
    best.calls_over, best.promised_at, best.mail_from = after.calls_over, after.promised_at, after.mail_from
    found = answers.asked(session, stage.portal.id, best.id)
    if found is not None and sum(row.outcome == "not_now" for row in made) > 1:
        wave_refusals.put_down(session, found, MACHINE, MERGED, now)


def _now_of(
    deps: Deps, session: Session, stage: Scene, invitation: Invitation, heir: int, now: datetime
) -> None:
    old = ClientKey("contact", invitation.contact_id)
    invitation.contact_id, invitation.due_at = heir, now
    session.flush()
    if "invitation" in invitation.touches and not invitation.outcome:
        url = letters.survey_url(deps, invitation.token)
        write_survey_url(session, stage.portal, invitation, url, now)
    _tell_the_cards(deps, session, stage, invitation.wave_client_id, old)


def _end(session: Session, stage: Scene, extra: Collection[Invitation], now: datetime) -> None:
    """These are not asked: the same client, or the same person, is asked already."""
    for one in extra:
        one.outcome, one.outcome_at, one.due_at = "excluded", now, None
        one.call_due_at = one.call_until = None
        one.outcome_detail = {"who": MACHINE, "why": MERGED}
    ids = [one.id for one in extra]
    wave_queries.cancel_waiting_letters(session, stage.portal.id, stage.wave.id, now, ids)


def _tell_the_cards(deps: Deps, session: Session, stage: Scene, line_id: int, old: ClientKey) -> None:
    """What was answered stands on the cards that live, by everybody's answers together (product.md B2)."""
    for one in wave_cards.invitations_of(session, stage.portal.id, [line_id]):
        found = answers.asked(session, stage.portal.id, one.id) if one.outcome == "answered" else None
        if found is not None:
            survey_effects.write_scores(deps, session, found, Cause("merge", old.id, line_id))
            return
