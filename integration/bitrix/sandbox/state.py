"""The portal's memory: tables of objects, applications, counters; guarded by one lock."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any

from .agency import COMPANY, CONTACT, DEAL, LEAD, Agency, Json, PortalInfo
from .clock import VirtualClock
from .settings import Settings
from .tables import Table
from .values import Zone

_ITEM_INDEXES = {
    LEAD: ("companyId", "contactIds"),
    DEAL: ("companyId", "contactIds", "leadId"),
    CONTACT: ("companyIds", "leadId"),
    COMPANY: ("leadId",),
}


@dataclass
class App:
    """A registered application (bitrix24.md 1.1)."""

    id: int
    client_id: str
    client_secret: str
    install_url: str
    app_url: str
    kind: str = "local"
    ui: bool = True
    scope: tuple[str, ...] = ()
    version: int = 1
    title: str = "App"
    application_token: str = ""
    #: "absent" (registered only), "added" (installer shown), "installed" (finished), "removed".
    state: str = "absent"
    installed_by: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    triggers: dict[str, str] = field(default_factory=dict)
    robots: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """The status letter of frames and events."""
        return "L" if self.kind == "local" else "F"

    @property
    def code(self) -> str:
        """``APP_CODE``: the client id for a local application (9.2)."""
        return self.client_id


@dataclass
class Webhook:
    """An incoming webhook: a secret in the path, calls as its owner."""

    user_id: int
    code: str
    scope: tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """Addresses the sandbox answers at, without a trailing slash."""

    portal: str = "http://127.0.0.1"
    oauth: str = "http://127.0.0.1"

    @property
    def domain(self) -> str:
        """Host and port of the portal."""
        return self.portal.split("://", 1)[1]

    @property
    def client_endpoint(self) -> str:
        """REST base of the portal."""
        return f"{self.portal}/rest/"

    @property
    def server_endpoint(self) -> str:
        """REST base of the authorisation server."""
        return f"{self.oauth}/rest/"


class State:
    """Everything the portal remembers. ``lock`` guards all of it; methods that change it hold the lock."""

    def __init__(self, clock: VirtualClock, origin: Origin) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.origin = origin
        self.settings = Settings()
        self.random = random.Random(1)
        self.apps: dict[str, App] = {}
        self.webhooks: dict[tuple[int, str], Webhook] = {}
        self.bindings: list[Json] = []
        self.placements: list[Json] = []
        self.sequence = 100
        self.clear()

    def clear(self) -> None:
        """Empties the data, keeps applications, webhooks and bindings."""
        self.info = PortalInfo()
        self.zone = Zone(self.info.timezone)
        self.items = {kind: Table(names, "updatedTime") for kind, names in _ITEM_INDEXES.items()}
        self.history = {LEAD: Table(("OWNER_ID",)), DEAL: Table(("OWNER_ID",))}
        self.users: dict[int, Json] = {}
        self.departments = Table()
        self.categories: list[Json] = []
        self.currencies: list[Json] = []
        self.statuses = Table(("ENTITY_ID",))
        self.stages: dict[tuple[str, str], Json] = {}
        self.user_fields = Table(("ENTITY_ID",))
        self.enum_last = 100
        self.fm_last = 0
        self.requisites = Table(("ENTITY_ID",))
        self.addresses = Table(("ENTITY_ID", "ANCHOR_ID"))
        self.comments = Table(("ENTITY_ID",))
        self.log_messages = Table()
        self.activities = Table(("OWNER_ID",))
        self.tasks = Table(("UF_CRM_TASK",), "CHANGED_DATE")
        self.checklists = Table(("TASK_ID",))
        self.task_results = Table(("taskId",))
        self.layouts: dict[tuple[Any, ...], list[Json]] = {}
        self.notifications: list[Json] = []
        self.trigger_log: list[Json] = []
        self.robot_runs: list[Json] = []
        self.recurring: list[Json] = []
        self.absences: list[Json] = []
        self.mails: list[Json] = []
        self.calendar: Json = {}

    def now(self) -> int:
        """Virtual seconds since the epoch, whole."""
        return int(self.clock.time())

    def serial(self) -> int:
        """A number never given before (applications, bindings, notifications)."""
        self.sequence += 1
        return self.sequence

    def zone_now(self) -> Zone:
        """The server's zone with the present style of dates."""
        self.zone.date_style = self.settings.date_style
        return self.zone

    def is_admin(self, user_id: int) -> bool:
        """Administrators of the portal; a robot (0) counts as one."""
        return user_id == 0 or bool(self.users.get(user_id, {}).get("ADMIN"))

    def rights(self, user_id: int) -> str:
        """CRM rights: "all", "own" or "none"."""
        return "all" if self.is_admin(user_id) else self.settings.rights.get(str(user_id), "all")

    def category_stages(self, category_id: int) -> list[Json]:
        """Stages of one deal pipeline in their order."""
        entity = "DEAL_STAGE" if not category_id else f"DEAL_STAGE_{category_id}"
        return self.stage_list(entity)

    def stage_list(self, entity: str) -> list[Json]:
        """Rows of one stage dictionary, sorted."""
        rows = [self.statuses.rows[i] for i in self.statuses.equal("ENTITY_ID", entity)]
        return sorted(rows, key=lambda row: (int(row["SORT"]), int(row["ID"])))

    def semantic(self, kind: int, category_id: int, stage_id: str) -> str:
        """``S``, ``F`` or ``P`` of a stage; unknown stages are in work."""
        entity = (
            "STATUS" if kind == LEAD else ("DEAL_STAGE" if not category_id else f"DEAL_STAGE_{category_id}")
        )
        row = self.stages.get((entity, stage_id))
        return str(row["SEMANTICS"]) if row and row.get("SEMANTICS") else "P"

    def fields_of(self, entity: str) -> list[Json]:
        """User fields of ``CRM_DEAL`` … in the order of their making."""
        return [self.user_fields.rows[i] for i in sorted(self.user_fields.equal("ENTITY_ID", entity))]

    def load(self, agency: Agency) -> None:
        """Replaces the data by an agency's; applications stay."""
        from .loading import load_agency_into

        with self.lock:
            self.clear()
            self.info = agency.portal
            self.zone = Zone(agency.portal.timezone)
            load_agency_into(self, agency)
