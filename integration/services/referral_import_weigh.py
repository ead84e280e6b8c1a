"""What would come of a row of a list, and why nothing would (product.md R4, B5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from integration.nps.people import CardKey, ClientKey
from integration.nps.referral_guards import Addresses, same_address
from integration.nps.workdays import local_day, zone_named
from integration.services import referral_claims, referrals
from integration.services.referral_cards import Fields, present
from integration.services.referral_claims import Said, Weighed
from integration.services.referral_guards import client_of
from integration.services.referral_place import Place, place_of
from integration.store import referrals as referral_rows
from integration.store.referral_import_rows import ReferralImport, ReferralImportRow


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a row: the columns that are set."""

    number: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Placed:
    """A row with its cards; `values` says why there is none. `compared`: cards whose addresses are needed."""

    client: CardKey | None = None
    referrer: ClientKey | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    own: tuple[CardKey, ...] = ()

    @property
    def compared(self) -> tuple[CardKey, ...]:
        return (*self.own, CardKey(*self.referrer)) if self.referrer is not None and self.own else ()


def weigh(
    work: referrals.Work, made: ReferralImport, row: ReferralImportRow, placed: Placed,
    known: Mapping[CardKey, Addresses], dated: Mapping[CardKey, date],
) -> Verdict:  # fmt: skip
    place = place_of(work.book, placed.client) if placed.client is not None else None
    if placed.values or placed.client is None:
        return Verdict(row.number, placed.values)
    client, referrer = placed.client, placed.referrer
    if made.origin == "sources" and (place is None or client not in place.whole.cards):
        return Verdict(row.number, _verdict("bad", "repeat", {}))
    key = place.whole.newcomer if place else client
    day = row.day or dated.get(client)
    values: dict[str, Any] = {
        "client_kind": client.kind, "client_id": client.id, "newcomer_kind": key.kind, "newcomer_id": key.id,
        "day": day,
    }  # fmt: skip
    same = ""
    if referrer is not None:
        values |= {"referrer_kind": referrer.kind, "referrer_id": referrer.id}
        other = CardKey(*referrer)
        if other not in placed.own:
            mine = [known.get(one, Addresses()) for one in placed.own]
            same = same_address(mine, known.get(other, Addresses()))
    source = source_for(work, place, referrer, row.source)
    note = reason(made, row) if row.replace else ""
    found = referral_claims.weigh(work, client, referrer, source, note=note, day=day, same=same, careful=True)
    told = _told(work, place, referrer, day, found)
    told["detail"] |= {"source": source} | ({"same": same} if same else {})
    return Verdict(row.number, values | {"same": same} | told)


def _told(
    work: referrals.Work,
    place: Place | None,
    referrer: ClientKey | None,
    day: date | None,
    found: Weighed | Said,
) -> dict[str, Any]:
    """Status, code and detail of a row from what `claim` would say."""
    if isinstance(found, Weighed):
        client = client_of(work.session, work.portal.id, referrer, work.book) if referrer else None
        since = _client_since(work, found)
        late = {"late": since.isoformat()} if since and day and since < day else {}
        return _verdict("ready", "late" if late else "", {"client": str(client or "")} | late)
    if found.flag is not None:
        return _verdict("bad", found.flag.code, {"chain": [str(key) for key in found.flag.chain]})
    if found.status == "same":
        now = _now(work, place)
        other = bool(now.get("day")) and day is not None and now["day"] != day.isoformat()
        return _verdict("same", "other_day" if other else "", now)
    if found.status == "no_note":
        return _verdict("rival", "rival", _now(work, place))
    return _verdict("bad", found.status, {})


def _verdict(status: str, code: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    return {"status": status, "code": code, "detail": dict(detail)}


def _now(work: referrals.Work, place: Place | None) -> dict[str, Any]:
    """What stands there now: by the counted claim, else on the card."""
    if place is None:
        return {}
    row = referral_rows.of_newcomer(work.session, work.portal.id, place.whole.newcomer)
    if row is not None and (row.named_id or row.source):
        who = f"{row.named_kind}:{row.named_id}" if row.named_id else ""
        return {
            "stands": row.source,
            "named": who,
            "day": row.claimed_on.isoformat() if row.claimed_on else "",
        }
    fields = _fields(work, place)
    return {"stands": fields.source, "named": str(fields.client or ""), "day": fields.day}


def _fields(work: referrals.Work, place: Place) -> Fields:
    return present(work.session, work.portal, [place.target]).get(place.target) or Fields()


def _client_since(work: referrals.Work, found: Weighed) -> date | None:
    """The portal's day on which the newcomer had become a client, by its first sales as far as they are dated."""
    zone = zone_named(work.portal.time_zone)
    sales = [work.book.deal(number) for number in found.place.whole.deals]
    dated = [
        sale.since
        for sale in sales
        if sale is not None and sale.since is not None and sale.created is not None
    ]
    return min((local_day(since, zone) for since in dated), default=None)


def source_for(work: referrals.Work, place: Place | None, referrer: ClientKey | None, said: str) -> str:
    """The source of an entry: what the list says, else what the card says of somebody who recommends, else a client."""
    if said or referrer is None:
        return said or "unknown"
    recommending = work.policy.recommending_sources
    if place is not None:
        row = referral_rows.of_newcomer(work.session, work.portal.id, place.whole.newcomer)
        for code in (row.source if row else "", _fields(work, place).source):
            if code in recommending:
                return code
    return "client" if "client" in work.policy.referral_sources else next(iter(recommending), "other")


def reason(made: ReferralImport, row: ReferralImportRow) -> str:
    """Why a row counts instead of what stood there: its own note, else the list it was in."""
    return row.note or f"{made.name}, {row.number}"
