"""Remembering the portal's rates of today, because it tells no others (product.md N8, ADR 0011)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix.call import rows_at
from integration.bitrix.records import Currency, read_all
from integration.nps.rates import Rates
from integration.nps.workdays import local_day, zone_named
from integration.store import rates as rows
from integration.store.portals import Portal


def keep(session: Session, portal: Portal, results: Mapping[str, Any], now: datetime) -> None:
    """Note the rates in an answer to `crm.currency.list` (key `currencies`) for the portal's day of `now`, UTC.

    The caller holds the portal's row, with its base currency and zone as they are now. No answer changes nothing.
    """
    if "currencies" not in results:
        return
    found, _ = read_all(Currency.read, rows_at(results["currencies"]))
    told = {one.code[:8]: one.amount / one.amount_count for one in found if one.amount_count > 0}
    rows.keep(session, portal.id, portal.currency, local_day(now, zone_named(portal.time_zone)), told)


def of(session: Session, portal: Portal) -> Rates:
    """What is known of a portal's rates against its base currency."""
    return rows.read(session, portal.id, portal.currency)
