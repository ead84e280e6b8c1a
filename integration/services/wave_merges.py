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
from integration.nps.touches import MACHINE, MERGED
from integration.services import heirs, letters, survey_effects
from integration.services.calls_queue import Cause
from integration.services.deps import Deps
from integration.services.letter_drafts import Scene
from integration.services.waves_cards import write_survey_url
from integration.store import answers, cards_view, wave_cards, wave_queries
from integration.store.wave_cards import key_of
from integration.store.waves import Invitation, WaveClient

# Why the card that lives was not to be asked, although its merged twin was: then the twin's people are not, either.
_BARRED = ("asked_recently", "opted_out", "excluded_by_hand")
_RANK = {"answered": 0, "": 1}


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
    line.eligible, line.reason = False, "excluded_by_hand"
    line.reason_detail = f"{MACHINE}: {MERGED}:{key_of(target)}"
    session.flush()
    everybody = wave_cards.invitations_of(session, stage.portal.id, [target.id])
    living = [one for one in everybody if one.outcome in _RANK]
    living.sort(key=lambda one: (_RANK[one.outcome], -len(one.touches), one in moved, one.id))
    extra = [one for one in moved if one.outcome == ""] if barred else living[stage.policy.max_respondents :]
    _end(session, stage, [one for one in extra if one.outcome == ""], now)


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
    best, rest = sorted((other, mine), key=lambda one: _RANK.get(one.outcome, 2))
    if best is mine:  # what was said stands under the card that lives; a card is asked once in a wave
        other.contact_id = -other.id
        session.flush()
        _now_of(deps, session, stage, mine, heir, now)
        other.contact_id = gone
    letters_at = [one.last_letter_at for one in (mine, other) if one.last_letter_at]
    best.last_letter_at = max(letters_at, default=None)
    if rest.outcome != "":
        return best is mine
    _end(session, stage, [rest], now)
    return True


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
