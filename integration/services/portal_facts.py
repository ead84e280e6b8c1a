"""What a portal's own answers say about it: zone, currency, tariff, working days, kind of CRM."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from integration.bitrix.call import rows_at
from integration.bitrix.records import Currency, read_all
from integration.i18n import language_of
from integration.store.portals import Portal

_ZONE_OF_CURRENCY = {
    "RUB": "Europe/Moscow", "UAH": "Europe/Kyiv", "BYN": "Europe/Minsk", "KZT": "Asia/Almaty", "PLN": "Europe/Warsaw",
    "EUR": "Europe/Berlin", "GBP": "Europe/London", "USD": "America/New_York", "UZS": "Asia/Tashkent",
    "GEL": "Asia/Tbilisi", "AMD": "Asia/Yerevan", "MDL": "Europe/Chisinau", "KGS": "Asia/Bishkek",
}  # fmt: skip


def facts_of(portal: Portal, results: Mapping[str, Any], now: datetime) -> None:
    """Put into the portal's row what these answers tell; a missing answer changes nothing.

    Keys: `profile`, `time`, `app`, `currencies`, `calendar`, `mode` (bitrix24.md 2.9, 2.10, 4.2, 7.10).
    """
    app = results.get("app")
    if isinstance(app, dict):
        portal.license_family = str(app.get("LICENSE_FAMILY") or "")[:32]
        if portal.synced_at is None and app.get("LANGUAGE_ID"):
            portal.language = language_of(str(app["LANGUAGE_ID"]), portal.language)
    if "currencies" in results:
        found, _ = read_all(Currency.read, rows_at(results["currencies"]))
        portal.currency = next((c.code for c in found if c.base), portal.currency)
    if isinstance(results.get("calendar"), dict):
        portal.calendar = results["calendar"]
    mode = results.get("mode")
    if str(mode) in ("1", "2"):
        portal.crm_mode = int(str(mode))
    portal.time_zone = zone_of(
        results.get("profile"), results.get("time"), portal.currency, portal.time_zone, now
    )


def zone_of(profile: Any, server_time: Any, currency: str, known: str, now: datetime) -> str:
    """The portal's zone by name: the administrator's, else one that fits the server's offset.

    The offset alone does not tell the zone; among zones that share it the one known before wins, then
    the one usual for the currency, then a zone of fixed offset.
    """
    own = str(profile.get("TIME_ZONE") or "") if isinstance(profile, dict) else ""
    if _zone(own) is not None:
        return own
    try:
        offset = datetime.fromisoformat(str(server_time)).utcoffset()
    except ValueError:
        offset = None
    if offset is None:
        return known if _zone(known) is not None else "UTC"
    for name in (known, _ZONE_OF_CURRENCY.get(currency, ""), "Europe/Moscow", "UTC"):
        zone = _zone(name)
        if zone is not None and now.astimezone(zone).utcoffset() == offset:
            return name
    hours = round(offset / timedelta(hours=1))
    return f"Etc/GMT{-hours:+d}" if hours else "UTC"


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError):  # unknown names raise a KeyError's or an OSError's kin
        return None
    except KeyError:
        return None
