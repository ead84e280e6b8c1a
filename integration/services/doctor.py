"""`molva doctor`: an examination of the installation and of its portals, with a look at everything outside.

What is wrong is decided in `nps.diagnosis`; the words are the caller's. The health page shows the same findings.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from integration.nps import diagnosis
from integration.nps.diagnosis import Finding
from integration.services import diagnoses
from integration.services.deps import Deps
from integration.store import portals
from integration.store.base import reading

LOOKED_AT = ("active", "suspended")


@dataclass(frozen=True, slots=True)
class Examined:
    """The findings about one portal, or about the installation where `portal_id` is nothing; the worst first."""

    portal_id: int | None
    domain: str
    findings: tuple[Finding, ...]

    @property
    def well(self) -> bool:
        """Whether nobody has to do anything."""
        return diagnosis.worst(self.findings) in ("ok", "info")


def examine(deps: Deps, engine: Engine, only: int | None = None) -> list[Examined]:
    """Look at the installation, then at each portal, or at one alone; raises LookupError if there is no such portal.

    A database that cannot be used ends the examination: everything else stands in it. Portals are asked, and the
    mail server and the DNS, each for some seconds at most.
    """
    whole = diagnosis.installation(diagnoses.installation(deps, engine), deps.clock.now())
    if any(one.code == "database" for one in whole):
        return [Examined(None, "", whole)]
    with reading(deps.sessions) as session:
        known = [(row.id, row.domain, row.status) for row in portals.everyone(session)]
    if only is not None and only not in {number for number, _, _ in known}:
        raise LookupError(f"there is no portal {only}; see: molva portal list")
    found = [] if only is not None else [Examined(None, "", whole)]
    for number, domain, status in known:
        if only in (None, number):
            found += _portal(deps, number, domain, status)
    return found


def health(deps: Deps, portal_id: int) -> tuple[Finding, ...]:
    """The findings about a portal from what is stored, the worst first; none if there is no such portal."""
    known = diagnoses.portal(deps, portal_id)
    return diagnosis.portal(known, deps.clock.now()) if known is not None else ()


def _portal(deps: Deps, portal_id: int, domain: str, status: str) -> list[Examined]:
    if status in LOOKED_AT:
        diagnoses.look(deps, portal_id)
    found = health(deps, portal_id)
    return [Examined(portal_id, domain, found)] if found else []
