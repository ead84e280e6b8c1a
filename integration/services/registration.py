"""What the operator registers by hand: keys of a local application, an incoming webhook (product.md T1)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from sqlalchemy.exc import IntegrityError

from integration.bitrix import calls
from integration.bitrix.protocol import is_host
from integration.services.deps import Deps
from integration.services.states import order_set_up
from integration.services.trust import parts_of, usable
from integration.store import portals as rows
from integration.store.base import reading, transaction
from integration.store.portals import Portal

APPLICATION = re.compile(r"(?=.{1,64}$)\w+\.[\w.-]+", re.ASCII)  # local.…, app.… (bitrix24.md 1.1)


def add_app(deps: Deps, domain: str, client_id: str, client_secret: str) -> int:
    """Register the keys of a local application before it is installed, or new ones of one that is.

    Raises ValueError, in words for the operator, for keys that cannot be. Harmless to repeat, also at the same moment.
    """
    host = parts_of(domain.strip() if "//" in domain else f"//{domain.strip()}").netloc.lower()
    client_id, client_secret = client_id.strip(), client_secret.strip()
    if not is_host(host) or not APPLICATION.fullmatch(client_id) or not client_secret:
        raise ValueError("give the portal's domain, the application's id and its key")
    if client_id == deps.settings.client_id:
        raise ValueError(
            f"{client_id} is the application of MOLVA_BITRIX_CLIENT_ID: its key belongs in MOLVA_BITRIX_CLIENT_SECRET"
        )
    try:
        return _registered(deps, host, client_id, client_secret)
    except IntegrityError:  # somebody else registers it at this moment: theirs is there now
        return _registered(deps, host, client_id, client_secret)


def _registered(deps: Deps, host: str, client_id: str, client_secret: str) -> int:
    with transaction(deps.sessions) as session:
        known = rows.of_application(session, client_id)
        here = [one for one in known if one.domain == host] or [one for one in known if one.status == "new"]
        portal = here[0] if here else None
        if portal is None and known:
            raise ValueError(f"this application is already installed in {known[0].domain}")
        if portal is None:
            portal = Portal(
                member_id="", client_id=client_id, status="new", endpoint="", installed_at=deps.clock.now()
            )
            session.add(portal)
        portal.domain, portal.client_secret, portal.kind = host, client_secret, "local"
        session.flush()
        return portal.id


def add_webhook(deps: Deps, url: str) -> int:
    """Connect a portal through an incoming webhook (product.md T1): reconciliation alone.

    Raises ValueError for an address that is none and for a portal where an application of ours works, which would
    ask its clients twice; `BitrixError` when the portal does not answer.
    """
    parts = urlsplit(url.strip())
    path = [part for part in parts.path.split("/") if part]
    if len(path) != 3 or path[0] != "rest" or not path[1].isdigit() or not usable(deps, url.strip()):
        raise ValueError("a webhook's address looks like https://portal/rest/1/code/")
    host, secret = parts.netloc.lower(), f"{path[1]}/{path[2]}"
    with reading(deps.sessions) as session:
        if rows.working_at(session, host, webhook=False):
            raise ValueError(f"{host} is connected by an application; two ways would ask its clients twice")
    deps.rest(f"{parts.scheme}://{host}/rest/{secret}/", "").call(calls.profile())
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = rows.installation(session, f"webhook-{host}"[:64], "webhook")
        if portal is None:
            portal = Portal(
                member_id=f"webhook-{host}"[:64], client_id="webhook", kind="webhook", installed_at=now
            )
            session.add(portal)
        portal.status, portal.problem, portal.domain = "active", "", host
        portal.endpoint, portal.access_token = f"{parts.scheme}://{host}/rest/", secret
        session.flush()
        order_set_up(session, portal.id, now)
        return portal.id
