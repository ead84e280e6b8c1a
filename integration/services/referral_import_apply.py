"""Entering what a list says, and taking it back: each row and what it does are one transaction (product.md R, B5)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix.links import crm_link
from integration.logs import log
from integration.nps.intents import WriteReferral
from integration.nps.people import CardKey, ClientKey
from integration.services import referral_cards, referral_claims, referral_rows, referrals
from integration.services.calls_queue import Cause
from integration.services.deps import Deps
from integration.services.referral_claims import Said, Weighed
from integration.services.referral_import_weigh import reason, source_for
from integration.services.referral_place import place_of
from integration.services.referral_writes import reopen, write
from integration.store import referral_imports as rows
from integration.store import referrals as referral_store
from integration.store.base import transaction
from integration.store.portals import Portal
from integration.store.referral_import_rows import ReferralImport, ReferralImportRow
from integration.store.referral_rows import Referral, ReferralMark

SLICE = 20  # rows in one transaction: others wait for it where the database has one writer
_SETTLED = ("settled_by", "settled_who", "settled_note", "source", "named_kind", "named_id")
_FIELDS = ("source", "referrer", "day")
_log = log(__name__)


def apply(deps: Deps, portal_id: int, import_id: int) -> bool:
    """Enter the next rows of a list, the first claims first; whether there are more."""
    with transaction(deps.sessions) as session:
        made = rows.get(session, portal_id, import_id, held=True)
        if made is None or made.stage != "applying":
            return False
        ready = rows.next_ready(session, portal_id, import_id, SLICE)
        if not ready:
            made.stage, made.moved_at = "done", deps.clock.now()
            return False
        work = _work(deps, session, made)
        for row in ready:
            _safely(work, made, row, _enter)
    return True


def undo(deps: Deps, portal_id: int, import_id: int) -> bool:
    """Take the next entries of a list back, the last row first; whether there are more."""
    with transaction(deps.sessions) as session:
        made = rows.get(session, portal_id, import_id, held=True)
        if made is None or made.stage != "undoing":
            return False
        entered = rows.rows_of(session, portal_id, import_id, ["done"], limit=SLICE, descending=True)
        if not entered:
            made.stage, made.moved_at = "undone", deps.clock.now()
            return False
        work = _work(deps, session, made)
        for row in entered:
            _safely(work, made, row, _withdraw)
    return True


def _work(deps: Deps, session: Session, made: ReferralImport) -> referrals.Work:
    portal = session.get_one(Portal, made.portal_id)
    return referrals.Work.of(deps, session, portal, Cause("import", made.id))


def _safely(work: referrals.Work, made: ReferralImport, row: ReferralImportRow, act: Any) -> None:
    """One row; a failure of ours is this row's alone."""
    try:
        with work.session.begin_nested():
            act(work, made, row)
    except Exception:
        _log.exception("referral_import.failed", portal=made.portal_id, imported=made.id, row=row.number)
        row.status, row.code = ("bad" if row.status == "ready" else "kept"), "failed"
        work.session.flush()


# --- entering


def _enter(work: referrals.Work, made: ReferralImport, row: ReferralImportRow) -> None:
    card = CardKey(row.client_kind, row.client_id)  # type: ignore[arg-type]
    named = ClientKey(row.referrer_kind, row.referrer_id) if row.referrer_id else None  # type: ignore[arg-type]
    place = place_of(work.book, card)
    source = source_for(work, place, named, row.source)
    day = row.day or work.today
    note = reason(made, row) if row.replace else ""
    found = referral_claims.weigh(work, card, named, source, note=note, day=day, same=row.same, careful=True)
    if isinstance(found, Said):
        _refused(row, found)
        return
    before = _before(work, found)
    referral_claims.enter(work, found, named, source, who=made.who, note=note or row.note)
    wrote = {"source": source, "referrer": crm_link(*named) if named else "", "day": found.since.isoformat()}
    row.before = before | {"wrote": wrote, "at": work.now.isoformat()}
    row.status, row.code = "done", row.code if row.code == "late" else ""
    work.session.flush()


def _refused(row: ReferralImportRow, said: Said) -> None:
    """Something has changed since the preview."""
    row.status = {"same": "same", "no_note": "rival"}.get(said.status, "bad")
    row.code = said.flag.code if said.flag else {"same": "", "no_note": "rival"}.get(said.status, said.status)
    if said.flag is not None:
        row.detail = dict(row.detail) | {"chain": [str(key) for key in said.flag.chain]}


def _before(work: referrals.Work, found: Weighed) -> dict[str, Any]:
    """What stands on the card, what of it is ours, and what a person had decided."""
    target, fields = found.place.target, found.fields
    mark = work.session.get(ReferralMark, (work.portal.id, target.kind, target.id))
    row = referral_store.of_newcomer(work.session, work.portal.id, found.place.whole.newcomer)
    return {
        "target": f"{target.kind}:{target.id}",
        "fields": {
            "source": fields.source, "referrer": fields.referrer, "day": fields.day, "source_id": fields.source_id,
        },
        "ours": {name: mark.wrote[name] for name in _FIELDS if mark is not None and name in mark.wrote},
        "via": [mark.via_kind, mark.via_id] if mark is not None else ["", 0],
        "settled": _settled(row) if row is not None and row.settled_by == "person" else {},
    }  # fmt: skip


def _settled(row: Referral) -> dict[str, Any]:
    days = {"settled_at": row.settled_at, "claimed_on": row.claimed_on}
    return {name: getattr(row, name) for name in _SETTLED} | {
        name: day.isoformat() if day else None for name, day in days.items()
    }


# --- taking back


def _withdraw(work: referrals.Work, made: ReferralImport, row: ReferralImportRow) -> None:
    kind, _, number = str(row.before["target"]).partition(":")
    target = referral_store.key_of(kind, int(number))
    fields = referral_cards.present(work.session, work.portal, [target]).get(target)
    place = place_of(work.book, target)
    if fields is None or place is None:
        row.status, row.code = "kept", "gone"
        return
    newcomer = place.whole.newcomer
    kept = referral_store.of_newcomer(work.session, work.portal.id, newcomer)
    if _changed(row, fields, kept):
        row.status, row.code = "kept", "changed"
        return
    _restore(work, row, target, fields)
    if kept is not None:
        _unsettle(work, row, kept)
    referrals.derive(work, newcomer)
    _unguard(work, row, target)
    left = referral_store.of_newcomer(work.session, work.portal.id, newcomer)
    if left is not None:
        referral_rows.note(work.session, work.portal.id, left.id, "withdrawn", work.now, who=made.who)
    row.status, row.code = "undone", ""
    work.session.flush()


def _changed(row: ReferralImportRow, fields: referral_cards.Fields, kept: Referral | None) -> bool:
    """Whether somebody has said something else since: on the card, or in the tab."""
    wrote = row.before["wrote"]
    if any(getattr(fields, name) != wrote[name] for name in _FIELDS):
        return True
    if kept is None or kept.settled_by != "person" or kept.settled_at is None:
        return False
    return kept.settled_at > datetime.fromisoformat(row.before["at"])


def _restore(
    work: referrals.Work, row: ReferralImportRow, target: CardKey, fields: referral_cards.Fields
) -> None:
    """Put back what stood on the card; what was ours then is ours again."""
    was = row.before["fields"]
    link = referral_cards.Fields(referrer=was["referrer"]).client
    day = date.fromisoformat(was["day"]) if was["day"] else None
    ours_now = fields.source_id and not was["source_id"] and target.kind in ("lead", "deal")
    clear = tuple(name for name in _FIELDS if row.before["wrote"][name] and not was[name])
    intent = WriteReferral(target, was["source"] or None, link, day, "" if ours_now else None, clear)
    write(work.session, work.portal, intent, work.cause, work.now, by_person=True)
    reopen(work.session, work.portal.id, target)
    mark = work.session.get(ReferralMark, (work.portal.id, target.kind, target.id))
    if mark is not None:
        mark.wrote = {name: value for name, value in mark.wrote.items() if name != "source_id"} | row.before[
            "ours"
        ]
        mark.via_kind, mark.via_id = row.before["via"]
    work.session.flush()


def _unguard(work: referrals.Work, row: ReferralImportRow, target: CardKey) -> None:
    """What is put back replaces what stands there, also where the rule wants something else in its place at once."""
    mark = work.session.get(ReferralMark, (work.portal.id, target.kind, target.id))
    if mark is not None:
        was = {
            name: values
            for name, values in (mark.wrote.get("was") or {}).items()
            if not row.before["wrote"].get(name)
        }
        mark.wrote = mark.wrote | {"was": was}
        work.session.flush()


def _unsettle(work: referrals.Work, row: ReferralImportRow, kept: Referral) -> None:
    """A ruling the list made goes; one that stood before comes back."""
    was = row.before["settled"]
    if not was:
        if kept.settled_by == "person":
            kept.settled_by, kept.settled_who, kept.settled_note, kept.settled_at = "rule", "", "", None
        work.session.flush()
        return
    for name in _SETTLED:
        setattr(kept, name, was[name])
    kept.settled_at = datetime.fromisoformat(was["settled_at"]) if was["settled_at"] else None
    kept.claimed_on = date.fromisoformat(was["claimed_on"]) if was["claimed_on"] else None
    work.session.flush()
