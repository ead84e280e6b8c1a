"""What hangs on a client's card that was merged goes to the card it was merged into (product.md B2, B4, E5, W12).

The portal tells nothing of a merge but the end of one card (bitrix24.md 7.12); where its deals and contacts went shows
into which one (`store.card_moves`). An opt-out and a hold that stood on it alone are carried on, and so are writes
that had not arrived: a score unless a newer one stands on the card that stays, comments as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix.records import uf_day, uf_flag
from integration.logs import log
from integration.nps.merging import newer, silence
from integration.nps.people import CardKey, ClientKey
from integration.nps.workdays import local_day, zone_named
from integration.services.calls_queue import Cause, queue_fields
from integration.services.cards import HOLD, OPT_OUT, TABLES
from integration.store import card_moves, holds, mirror
from integration.store import outbox as rows
from integration.store import portals as portal_rows
from integration.store.clients import OptOut
from integration.store.holds import Hold
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal

LONGEST_CHAIN = 5  # merges in a row that are followed
SCORES = "UF_CRM_MOLVA_NPS_"  # how the codes of the score fields begin
DATE = f"{SCORES}DATE"
COMMENTS = "crm.timeline.comment.add"
_log = log(__name__)


def settle(session: Session, portal_id: int, left: Iterable[ClientKey], now: datetime) -> None:
    """Look at companies and persons that are gone, or that a deal or contact has just left: where one was merged, hand
    on what hung on it. Doing it twice does it once."""
    keys = list(dict.fromkeys(left))
    portal = portal_rows.get(session, portal_id) if keys else None
    if portal is None:
        return
    for key in keys:
        heir = heir_of(session, portal_id, key)
        if heir is not None:
            _inherit(session, portal, key, heir, _left_over(session, portal_id, key), now)
        elif key.kind == "contact":
            _namesakes(session, portal, key, now)


def heir_of(session: Session, portal_id: int, key: ClientKey) -> ClientKey | None:
    """The living card that one which is gone was merged into, over several merges; nothing if that is not known."""
    found = None
    for _ in range(LONGEST_CHAIN):
        following = card_moves.successor(session, portal_id, found or key)
        if following is None:
            break
        found = following
    return found


def _inherit(
    session: Session,
    portal: Portal,
    left: ClientKey,
    heir: ClientKey,
    writes: Sequence[OutboxRow],
    now: datetime,
) -> None:
    lost, card = _card(session, portal.id, left), _card(session, portal.id, heir)
    if lost is None or card is None:
        return
    said = [row.call["params"]["fields"][OPT_OUT] for row in writes if _is_wish(row, OPT_OUT)]
    if uf_flag(said[-1]) if said else lost.opted_out:
        _opt_out(session, portal, left, heir, card, now)
    until = silence(lost.hold_until, card.hold_until, local_day(now, zone_named(portal.time_zone)))
    if until is not None:
        _hold(session, portal, left, heir, until, now)
    scores = [row for row in writes if row.purpose == "score"]
    if scores:
        _score(session, portal, lost, card, scores, heir, now)
    for row in writes:
        if row.method == COMMENTS:
            _comment(session, portal, row, heir, now)
    if writes:
        rows.supersede(session, writes, now, f"merged: {heir}")
        _log.info("outbox.merged", portal=portal.id, lane=str(left), heir=str(heir), rows=len(writes))


def _card(session: Session, portal_id: int, key: ClientKey) -> Any | None:
    return session.get(TABLES[key.kind], (portal_id, key.id), populate_existing=True)


def _opt_out(
    session: Session, portal: Portal, left: ClientKey, heir: ClientKey, card: Any, now: datetime
) -> None:
    """Never asked again, by its own row as well, so that no reading of the card can undo it."""
    if heir.kind == "contact" and session.get(OptOut, (portal.id, f"contact:{heir.id}")) is None:
        said = session.get(OptOut, (portal.id, f"contact:{left.id}"))
        session.add(
            OptOut(
                portal_id=portal.id, address=f"contact:{heir.id}", contact_id=heir.id, source="card",
                said_at=said.said_at if said is not None else now,
            )
        )  # fmt: skip
        session.flush()
    if not card.opted_out:
        mirror.patch(session, portal.id, TABLES[heir.kind], heir.id, {"opted_out": True})
        _write(session, portal, left, heir, {OPT_OUT: "Y"}, now)
        holds.look_again(session, portal.id, holds.open_invitations(session, portal.id, heir), now)


def _hold(
    session: Session, portal: Portal, left: ClientKey, heir: ClientKey, until: date, now: datetime
) -> None:
    """Not asked until a day; who said so and why goes along, where it was said here."""
    standing = [row for row in holds.holds_of(session, portal.id, left) if row.lifted_at is None]
    if standing:
        last = standing[-1]
        session.add(
            Hold(
                portal_id=portal.id, client_kind=heir.kind, client_id=heir.id, until=until, reason=last.reason,
                who=last.who, set_at=last.set_at,
            )
        )  # fmt: skip
    mirror.patch(session, portal.id, TABLES[heir.kind], heir.id, {"hold_until": until})
    _write(session, portal, left, heir, {HOLD: until.isoformat()}, now)
    holds.look_again(session, portal.id, holds.open_invitations(session, portal.id, heir), now)


def _write(
    session: Session, portal: Portal, left: ClientKey, heir: ClientKey, values: dict[str, Any], now: datetime
) -> None:
    card = CardKey(heir.kind, heir.id)
    key = f"merged:{left}:{heir}:{'+'.join(sorted(values))}:{now:%Y%m%dT%H%M%S}"
    queue_fields(
        session, portal, card, values, purpose="field", cause=Cause("merge", left.id), now=now, key=key
    )


def _namesakes(session: Session, portal: Portal, left: ClientKey, now: datetime) -> None:
    """A person without deals leaves no trace of where the card went. Where it said "never", persons of the same name
    in the same company are not asked either: rather one person too few than the one who said no."""
    lost = _card(session, portal.id, left)
    if lost is None or lost.deleted_at is None or not (lost.opted_out and lost.name and lost.last_name):
        return
    for number in card_moves.namesakes(session, portal.id, lost):
        heir = ClientKey("contact", number)
        _opt_out(session, portal, left, heir, _card(session, portal.id, heir), now)


# --- writes that did not arrive


def follow(session: Session, portal: Portal, row: OutboxRow, now: datetime) -> bool:
    """Hand on what hangs on a card that the portal does not find, this write among it, which was ended before; False
    if it is not known who has the card now."""
    left = client_of(row)
    heir = heir_of(session, portal.id, left) if left is not None else None
    if left is None or heir is None:
        return False
    _inherit(session, portal, left, heir, [row, *_left_over(session, portal.id, left)], now)
    return True


def client_of(row: OutboxRow) -> ClientKey | None:
    """The card whose fate a write shares: of those that go with a company or person; nothing for others."""
    try:
        key = ClientKey.parse(row.lane)
    except ValueError:
        return None
    mine = row.purpose == "score" or row.method == COMMENTS or _is_wish(row, HOLD) or _is_wish(row, OPT_OUT)
    return key if mine else None


def _left_over(session: Session, portal_id: int, left: ClientKey) -> list[OutboxRow]:
    found = rows.left_over(session, portal_id, str(left))
    return [row for row in found if client_of(row) is not None]


def _is_wish(row: OutboxRow, code: str) -> bool:
    """Whether a write sets nothing but a hold, or an opt-out."""
    fields = row.call["params"].get("fields") or {}
    return row.purpose == "field" and fields.keys() == {code}


def _score(
    session: Session, portal: Portal, lost: Any, card: Any, writes: Sequence[OutboxRow], heir: ClientKey,
    now: datetime,
) -> None:  # fmt: skip
    """One write of the newest value of the merged card, unless the card that stays has a newer one."""
    values = _known(lost.scores or {})
    for row in writes:
        values |= _known(row.call["params"]["fields"])
    under_way = rows.writes_to(session, portal.id, str(heir))
    states = [card.scores or {}, *(row.call["params"]["fields"] for row in under_way)]
    ours = max((day for state in states if (day := uf_day(state.get(DATE)))), default=None)
    theirs = uf_day(values.get(DATE))
    if theirs is None or not newer(theirs, ours):
        return
    last = writes[-1]
    queue_fields(
        session, portal, CardKey(heir.kind, heir.id), values | {DATE: theirs.isoformat()}, purpose="score",
        cause=Cause(last.cause_kind, last.cause_id), now=now, key=f"merged:{last.id}:{heir}",
    )  # fmt: skip


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {code: value for code, value in fields.items() if code.startswith(SCORES)}


def _comment(session: Session, portal: Portal, row: OutboxRow, heir: ClientKey, now: datetime) -> None:
    """The same words on the other card; its probe looks there, too."""
    call = dict(row.call)
    there = {"ENTITY_ID": heir.id, "ENTITY_TYPE": heir.kind}
    call["params"] = call["params"] | {"fields": call["params"]["fields"] | there}
    if call.get("probe"):
        params = call["probe"]["params"]
        call["probe"] = call["probe"] | {"params": params | {"filter": params["filter"] | there}}
    rows.put_like(session, row, lane=str(heir), key=f"merged:{row.id}:{heir}", call=call, now=now)
