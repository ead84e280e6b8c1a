"""Lists of past referrals: from a file, or from the portal's own source, to entries on cards, and back (product.md R).

A list is looked at (`referral_import_look`), shown, decided on, and only then applied (`referral_import_apply`): all
of it slice by slice in the chore `referral_import:<id>`, which goes on where it stopped. Every row is in effect once,
because what it does and that it is done are one transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy.orm import Session

from integration.bitrix.errors import BitrixError
from integration.i18n import LANGUAGES, text
from integration.logs import log
from integration.nps.past_answers import Unreadable, fold
from integration.nps.people import CardKey
from integration.nps.policy import Policy
from integration.nps.referral_import import LONGEST, BadRow, DayOrder, PastReferral, Rules, read
from integration.nps.workdays import local_day, zone_named
from integration.services import policies, referral_import_apply, referral_import_look
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.field_labels import VALUES
from integration.services.past_tables import ImportRefused, table_of
from integration.store import chores
from integration.store import portals as portal_rows
from integration.store import referral_imports as rows
from integration.store.base import reading, transaction
from integration.store.portals import Portal
from integration.store.referral_import_rows import ReferralImport

MOST_ROWS = 20_000
MOST_BYTES = 5_000_000
AT_ONCE = 40  # rows that are looked at while somebody waits
FORGOTTEN = timedelta(days=30)  # a list nobody went on with
BLANKED = timedelta(days=90)  # names and notes of a list that ended
CHORE = "referral_import"
_SHOWN = ("looking", "preview", "dropped")

Decided = Literal["done", "gone", "late", "no_text", "too_long", "nothing"]
ACTIVE = ("looking", "applying", "undoing")  # stages in which work goes on by itself


@dataclass(frozen=True, slots=True)
class Candidate:
    """A client to be listed as recommended: its card, since when, and whom an administrator named, if anybody."""

    card: CardKey
    name: str
    day: date | None
    referrer: str = ""


def begin(deps: Deps, portal_id: int, name: str, data: bytes, *, who: str, order: DayOrder = "") -> int:
    """Take a CSV or XLSX file as a list to be looked at; its id. Nothing is written to any card.

    Raises `ImportRefused` with a code of its own, or of `nps.referral_import.read`.
    """
    table = table_of(name, data, most_bytes=MOST_BYTES, most_rows=MOST_ROWS + 1)
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = _ready(session, portal_id)
        policy, _ = policies.load(session, portal_id)
        rules = _rules(portal, policy, now, order)
    try:
        found, problems = read(table, rules)
    except Unreadable as error:
        raise ImportRefused(str(error), code=error.code) from error
    lines = sorted([*map(_line, found), *map(_bad, problems)], key=lambda line: int(line["number"]))
    digest = hashlib.sha256(data).hexdigest()
    return _keep(deps, portal_id, lines, now, origin="file", name=name[-200:], digest=digest, who=who[:200])


def begin_sources(deps: Deps, portal_id: int, chosen: Sequence[Candidate], *, name: str, who: str) -> int:
    """Make a list of clients who came by recommendation according to the portal's own source; its id.

    Whoever has nobody named gets the source `unknown`. Raises `ImportRefused`: `no_rows`, `too_big`.
    """
    if not chosen:
        raise ImportRefused(code="no_rows")
    if len(chosen) > MOST_ROWS:
        raise ImportRefused(code="too_big")
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        _ready(session, portal_id)
    lines = [
        _line(PastReferral(number, one.name[:LONGEST], one.referrer[:LONGEST], one.day or date.min, ""))
        | {"client_kind": one.card.kind, "client_id": one.card.id, "day": one.day,
           "source": "" if one.referrer else "unknown"}
        for number, one in enumerate(chosen, 1)
    ]  # fmt: skip
    return _keep(deps, portal_id, lines, now, origin="sources", name=name[:200], digest="", who=who[:200])


def _ready(session: Session, portal_id: int) -> Portal:
    portal = portal_rows.get(session, portal_id)
    if portal is None or portal.synced_at is None:
        raise ImportRefused(str(portal_id), code="no_such_portal" if portal is None else "not_synced")
    return portal


def _rules(portal: Portal, policy: Policy, now: datetime, order: DayOrder) -> Rules:
    zone = zone_named(portal.time_zone)
    return Rules(
        zone, local_day(now, zone), order, source_words(policy), frozenset(policy.recommending_sources)
    )


def source_words(policy: Policy) -> Mapping[str, str]:
    """What people call the sources, folded, in every language -> code; the agency's own as it typed them."""
    found = {fold(code): code for code in policy.referral_sources}
    for code, message in VALUES["UF_CRM_MOLVA_REFERRAL_SOURCE"].items():
        if code in policy.referral_sources:
            found |= {fold(text(language, message)): code for language in LANGUAGES}
    return found | {fold(name): code for code, name in policy.referral_source_names.items()}


def _line(row: PastReferral) -> dict[str, Any]:
    return {
        "number": row.number, "client": row.client, "referrer": row.referrer, "day": row.day, "source": row.source,
        "note": row.note, "status": "new", "code": "", "detail": {}, "client_kind": "", "client_id": 0,
    }  # fmt: skip


def _bad(row: BadRow) -> dict[str, Any]:
    return {
        "number": row.number, "client": row.client, "referrer": row.referrer, "day": None, "source": "", "note": "",
        "status": "bad", "code": row.code, "detail": {"said": row.detail}, "client_kind": "", "client_id": 0,
    }  # fmt: skip


def _keep(deps: Deps, portal_id: int, lines: list[dict[str, Any]], now: datetime, **values: Any) -> int:
    with transaction(deps.sessions) as session:
        made = rows.add(session, portal_id, stage="looking", created_at=now, moved_at=now, **values)
        rows.add_rows(session, portal_id, made.id, lines)
        _order(session, made, now)
        return made.id


def _order(session: Session, made: ReferralImport, now: datetime) -> None:
    chores.schedule(session, made.portal_id, f"{CHORE}:{made.id}", now, cursor={"id": made.id})


# --- the chore


def run(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """One slice of whatever a list is at. Raises `BitrixError` while the portal does not give the addresses."""
    more = step(deps, portal_id, int(cursor["id"]))
    return Outcome(deps.clock.now(), cursor) if more else Outcome()


def step(deps: Deps, portal_id: int, import_id: int) -> bool:
    """One slice; whether there is more to do before a person decides again."""
    with transaction(deps.sessions) as session:
        made = rows.get(session, portal_id, import_id)
        stage = made.stage if made is not None else ""
    if stage == "looking":
        return referral_import_look.look(deps, portal_id, import_id)
    if stage == "applying":
        return referral_import_apply.apply(deps, portal_id, import_id)
    if stage == "undoing":
        return referral_import_apply.undo(deps, portal_id, import_id)
    return False


def hurry(deps: Deps, portal_id: int, import_id: int) -> None:
    """Look at a few rows at once, for somebody who waits; what the portal does not give now the chore gets later."""
    with reading(deps.sessions) as session:
        waiting = len(rows.rows_of(session, portal_id, import_id, ["new"], limit=AT_ONCE + 1))
        made = rows.get(session, portal_id, import_id)
    if made is None or made.stage != "looking" or waiting > AT_ONCE:
        return
    try:
        while step(deps, portal_id, import_id):
            pass
    except BitrixError as error:
        log(__name__).info("referral_import.waits", portal=portal_id, code=error.code)


def prune(deps: Deps, portal_id: int) -> None:
    """Lists nobody went on with go; of those that ended, names and notes go after a while (product.md T7)."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        rows.drop(session, portal_id, now - FORGOTTEN, _SHOWN)
        rows.blank(session, portal_id, now - BLANKED)


# --- decisions


def start(deps: Deps, portal_id: int, import_id: int) -> Decided:
    """Take what is ready. Rows that wait for a decision stay out."""
    return _move(deps, portal_id, import_id, ("preview",), "applying", needs=("ready",))


def take_back(deps: Deps, portal_id: int, import_id: int) -> Decided:
    """Withdraw what this list entered, where nobody has changed it since."""
    return _move(deps, portal_id, import_id, ("done",), "undoing", needs=("done",))


def drop(deps: Deps, portal_id: int, import_id: int) -> Decided:
    """Forget a list that was not applied."""
    return _move(deps, portal_id, import_id, ("looking", "preview"), "dropped")


def _move(
    deps: Deps, portal_id: int, import_id: int, of: Sequence[str], to: str, needs: Sequence[str] = ()
) -> Decided:
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        made = rows.get(session, portal_id, import_id, held=True)
        if made is None:
            return "gone"
        if made.stage not in of:
            return "late"
        counts = rows.counts(session, portal_id, [made.id]).get(made.id, {})
        if needs and not any(counts.get(status) for status in needs):
            return "nothing"
        made.stage, made.moved_at = to, now
        session.flush()
        if to == "dropped":
            rows.forget_rows(session, portal_id, made.id)
        else:
            _order(session, made, now)
    return "done"


def pick(deps: Deps, portal_id: int, import_id: int, number: int, side: str, card: CardKey) -> Decided:
    """A person says which card a row means; `side`: client | referrer. The row is looked at again."""
    found = {"client": ("client_kind", "client_id"), "referrer": ("referrer_kind", "referrer_id")}[side]
    return _decide(deps, portal_id, import_id, number, dict(zip(found, card, strict=True)))


def reword(deps: Deps, portal_id: int, import_id: int, number: int, side: str, said: str) -> Decided:
    """A person names the card in other words: a link, a phone, an e-mail, another title."""
    wanted = " ".join(said.split())
    if not wanted:
        return "no_text"
    if len(wanted) > LONGEST:
        return "too_long"
    return _decide(deps, portal_id, import_id, number, {side: wanted, f"{side}_kind": "", f"{side}_id": 0})


def replace(deps: Deps, portal_id: int, import_id: int, number: int) -> Decided:
    """A person says that a row counts instead of what stands there."""
    return _decide(deps, portal_id, import_id, number, {"replace": True})


def leave(deps: Deps, portal_id: int, import_id: int, number: int) -> Decided:
    """A person takes a row out, or back in."""
    return _decide(deps, portal_id, import_id, number, {}, out=True)


def _decide(
    deps: Deps, portal_id: int, import_id: int, number: int, values: Mapping[str, Any], *, out: bool = False
) -> Decided:
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        made = rows.get(session, portal_id, import_id, held=True)
        row = rows.row(session, portal_id, import_id, number) if made is not None else None
        if made is None or row is None:
            return "gone"
        if made.stage not in ("looking", "preview") or (row.day is None and made.origin == "file"):
            return "late"
        if out and row.status != "left":
            row.status = "left"
        else:
            row.status, row.code, row.detail = "new", "", {}
            for name, value in values.items():
                setattr(row, name, value)
        made.stage, made.moved_at = "looking", now
        session.flush()
        _order(session, made, now)
    return "done"
