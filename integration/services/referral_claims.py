"""What people say in the tab about how a client came: who it was, another source, nobody after all (product.md R4, B5).

What a person enters goes to the card through the outbox and is theirs from then on. Where somebody else counts by the
rule of the first claim, the person says in a note why theirs does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from integration.bitrix.errors import AccessLost, BitrixError, TokenExpired
from integration.bitrix.links import crm_link
from integration.nps.attribution import UNKNOWN
from integration.nps.intents import FlagReferral, WriteReferral
from integration.nps.people import CardKey, ClientKey
from integration.nps.referral_guards import Addresses, same_address
from integration.services import referral_cards, referral_rows, referrals, viewer_token
from integration.services.calls_queue import Cause
from integration.services.card_rights import Subject
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.referral_chores import read_addresses
from integration.services.referral_guards import Guards, family
from integration.services.referral_place import Place, place_of
from integration.services.referral_writes import reopen, write
from integration.store import referrals as rows
from integration.store.base import reading, transaction
from integration.store.portals import Portal
from integration.store.referral_rows import Referral

LONGEST_NOTE = 500
Status = Literal[
    "done", "same", "no_note", "note_too_long", "refused", "unseen", "unreachable", "reopen", "no_source",
    "no_fields", "gone",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """What became of an entry. `flag`: why it was refused, with the chain. `rival`: what counts instead, so that a note
    is asked for."""

    status: Status
    flag: FlagReferral | None = None
    rival: Referral | None = None


def choose(
    deps: Deps, who: Viewer, found: Subject, named: ClientKey | None, source: str, note: str = ""
) -> Said:
    """Somebody names who it was (`named`), or the source alone.

    The portal is asked with the person's own token whether they may see the card they name, and for the addresses that
    would show it to be a second card of the newcomer.
    """
    if named is not None:
        same = _looked(deps, who, found, named)
        if isinstance(same, Said):
            return same
    else:
        same = ""
    with transaction(deps.sessions) as session:
        portal = session.get_one(Portal, found.portal_id)
        work = referrals.Work.of(deps, session, portal, Cause("card", found.card.id))
        return claim(work, found.card, named, source, who=found.actor, note=note, same=same)


def claim(
    work: referrals.Work, card: CardKey, named: ClientKey | None, source: str, *, who: str, note: str = "",
    day: date | None = None, same: str = "", careful: bool = False,
) -> Said:  # fmt: skip
    """One entry of a person, in the caller's transaction. `day`: of the claim, else what stands there, else today.

    `same`: email | phone that the newcomer shares with the card named. A note is needed only where somebody else
    counts so far; with `careful` (lists of the past) also where the card itself says something else.
    """
    found = weigh(work, card, named, source, note=note, day=day, same=same, careful=careful)
    if isinstance(found, Said):
        return found
    enter(work, found, named, source, who=who, note=note)
    return Said("done")


def enter(
    work: referrals.Work, found: Weighed, named: ClientKey | None, source: str, *, who: str, note: str = ""
) -> None:
    """Make an entry that was weighed with the same arguments in this very transaction."""
    _write(work, found.place.target, found.fields, named, source, found.since)
    derived = referrals.derive(work, found.place.whole.newcomer)
    if derived is not None:
        _settle(work, derived, named, source, found.since, who, note, overrule=found.rival is not None)
        if named is not None:
            derived.checked, derived.same = crm_link(*named), ""


@dataclass(frozen=True, slots=True)
class Weighed:
    """An entry that can be made: where it goes, what stands there, since when, what counted so far instead."""

    place: Place
    fields: referral_cards.Fields
    since: date
    rival: Referral | None


def weigh(
    work: referrals.Work, card: CardKey, named: ClientKey | None, source: str, *, note: str = "",
    day: date | None = None, same: str = "", careful: bool = False,
) -> Weighed | Said:  # fmt: skip
    """What `claim` would do with the same arguments: an entry, or why there is none. Nothing is written."""
    place = place_of(work.book, card)
    if place is None:
        return Said("gone")
    if place.target not in (stands := referral_cards.present(work.session, work.portal, [place.target])):
        return Said("no_fields")
    if source not in work.policy.referral_sources:
        return Said("no_source")
    if len(note) > LONGEST_NOTE:
        return Said("note_too_long")
    row = rows.of_newcomer(work.session, work.portal.id, place.whole.newcomer)
    since = day or _day(row, named) or work.today
    if flag := _refused(work, place, row, named, since, same):
        return Said("refused", flag)
    if row is not None and _stands(row, named, source):
        return Said("same")
    rival = row if row is not None and _differs(row, named, source, place.target) else None
    fields = stands[place.target]
    taken = careful and _taken(fields, named, source)
    if (rival is not None or taken) and not note.strip():
        return Said("no_note", rival=rival)
    return Weighed(place, fields, since, rival)


def _taken(fields: referral_cards.Fields, named: ClientKey | None, source: str) -> bool:
    """Whether a card says something else than an entry of a list: somebody else, or another source."""
    if not fields.readable or fields.client not in (None, named):
        return True
    return fields.source not in ("", UNKNOWN, source)


def _write(
    work: referrals.Work, target: CardKey, fields: referral_cards.Fields, named: ClientKey | None, source: str,
    since: date,
) -> None:  # fmt: skip
    cleared = ("referrer",) if named is None and fields.referrer else ()
    recommends = source in work.policy.recommending_sources and target.kind in ("lead", "deal")
    own = work.policy.recommendation_id if recommends and not fields.source_id else ""
    intent = WriteReferral(target, source, named, since, own or None, cleared)
    write(work.session, work.portal, intent, work.cause, work.now, by_person=True)


def _settle(
    work: referrals.Work, row: Referral, named: ClientKey | None, source: str, since: date, who: str, note: str,
    *, overrule: bool,
) -> None:  # fmt: skip
    """Note who said so; a person who overrules the rule is remembered with the reason."""
    session, portal = work.session, work.portal
    link = crm_link(*named) if named else ""
    if overrule or row.settled_by == "person":
        row.settled_by, row.settled_who, row.settled_at = "person", who[:200], work.now
        row.settled_note = note.strip()[:LONGEST_NOTE]
        row.source, row.claimed_on = source[:40], since
        row.named_kind, row.named_id = named or ("", 0)
        session.flush()
        referrals.derive(work, rows.key_of(row.newcomer_kind, row.newcomer_id))
    what = "overruled" if overrule else "named"
    referral_rows.note(
        session, portal.id, row.id, what, work.now, who=who, note=note, source=source, referrer=link
    )


def clear(deps: Deps, found: Subject, note: str) -> Said:
    """A person says that nobody recommended this client after all; the entries on its cards stay their authors'."""
    if not note.strip():
        return Said("no_note")
    if len(note) > LONGEST_NOTE:
        return Said("note_too_long")
    with transaction(deps.sessions) as session:
        portal = session.get_one(Portal, found.portal_id)
        work = referrals.Work.of(deps, session, portal, Cause("card", found.card.id))
        place = place_of(work.book, found.card)
        row = rows.of_newcomer(session, portal.id, place.whole.newcomer) if place else None
        if place is None or row is None:
            return Said("gone")
        fields = referral_cards.present(session, portal, [place.target]).get(place.target)
        written = [name for name in ("source", "referrer", "day") if fields and getattr(fields, name)]
        row.settled_by, row.settled_who, row.settled_at = "person", found.actor[:200], work.now
        row.settled_note, row.source, row.claimed_on = note.strip()[:LONGEST_NOTE], "", None
        row.named_kind, row.named_id = "", 0
        session.flush()
        if written:
            intent = WriteReferral(place.target, clear=tuple(written))
            write(session, portal, intent, work.cause, work.now, by_person=True)
        referrals.derive(work, place.whole.newcomer)
        referral_rows.note(session, portal.id, row.id, "cleared", work.now, who=found.actor, note=note)
        return Said("done")


def by_rule(deps: Deps, found: Subject) -> Said:
    """A person takes their decision back: the first dated claim counts again."""
    with transaction(deps.sessions) as session:
        portal = session.get_one(Portal, found.portal_id)
        work = referrals.Work.of(deps, session, portal, Cause("card", found.card.id))
        place = place_of(work.book, found.card)
        row = rows.of_newcomer(session, portal.id, place.whole.newcomer) if place else None
        if place is None or row is None or row.settled_by != "person":
            return Said("gone")
        row.settled_by, row.settled_note, row.settled_who, row.settled_at = "rule", "", "", None
        reopen(session, portal.id, place.target)
        session.flush()
        referral_rows.note(session, portal.id, row.id, "accepted", work.now, who=found.actor, code="by_rule")
        referrals.derive(work, place.whole.newcomer)
        return Said("done")


def _looked(deps: Deps, who: Viewer, found: Subject, named: ClientKey) -> str | Said:
    """What the newcomer shares with the card named, as the portal shows both to this person."""
    rest = viewer_token.rest_of(deps, who)
    if rest is None:
        return Said("reopen")
    with reading(deps.sessions) as session:
        portal = session.get_one(Portal, found.portal_id)
        work = referrals.Work.of(deps, session, portal, Cause("card", found.card.id))
        place = place_of(work.book, found.card)
    if place is None:
        return Said("gone")
    own = [key for key in place.whole.cards if key.kind != "deal"]
    other = CardKey(named.kind, named.id)
    try:
        known = read_addresses(rest, [*own, other])
    except BitrixError as error:
        return Said("reopen" if isinstance(error, TokenExpired | AccessLost) else "unreachable")
    if other not in known:
        return Said("unseen")
    if other in own:
        return ""  # the guards say so
    return same_address([known.get(key, Addresses()) for key in own], known[other])


def _refused(
    work: referrals.Work, place: Place, row: Referral | None, named: ClientKey | None, since: date, same: str
) -> FlagReferral | None:
    if named is None:
        return None
    own = family(work.session, work.portal.id, place.whole, work.book)
    guards = Guards(work.session, work.portal.id, place.whole, work.book, own, None)
    flag = guards.why_not(place.target, named, None)  # whoever comes last closes the circle
    if flag is None and same:
        flag = FlagReferral(place.target, "same_person", (named,))
    return flag


def _day(row: Referral | None, named: ClientKey | None) -> date | None:
    """The day of the claim is kept while somebody completes it; whoever names another person claims anew."""
    if row is None or row.claimed_on is None:
        return None
    other = row.named_id and named is not None and (row.named_kind, row.named_id) != tuple(named)
    return None if other else row.claimed_on


def _stands(row: Referral, named: ClientKey | None, source: str) -> bool:
    there = (row.named_kind, row.named_id) if row.named_id else None
    return there == (tuple(named) if named else None) and row.source == source and not row.problem


def _differs(row: Referral, named: ClientKey | None, source: str, target: CardKey) -> bool:
    """Whether what counts now was said elsewhere and says something else."""
    if row.settled_by == "person":
        return True
    if (row.via_kind, row.via_id) == tuple(target) or row.problem:
        return False
    other_name = bool(row.named_id) and (row.named_kind, row.named_id) != (tuple(named) if named else ("", 0))
    return other_name or row.source not in ("", UNKNOWN, source)


__all__ = ["Place", "Said", "Weighed", "by_rule", "choose", "claim", "clear", "enter", "place_of", "weigh"]
