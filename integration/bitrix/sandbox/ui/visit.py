"""Who looks at the portal's pages, in whose name they act, and what the demo hung into them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import g, request

from ..agency import Json
from ..portal import Context, Portal
from ..rest import as_employee
from ..state import App, State
from ..tokens import Pair
from ..values import to_int
from .words import translate

COOKIE = "portal_viewer"
_STATES = ("absent", "added", "installed", "removed")
#: Roles of the switch "view as", in their order.
ROLES = ("administrator", "director", "manager", "caller", "dismissed")


class Refused(Exception):
    """The portal did not do what an employee asked; the text is for people."""


@dataclass
class Opened:
    """One application shown in a frame: who looks, where, with which tokens."""

    app: App
    user_id: int
    placement: str
    options: Json
    pair: Pair


@dataclass
class Desk:
    """The browser's side of one portal: extra menu entries (``title``, ``url``), the docked panel's
    address, who stands for each role, and the frames that are open."""

    portal: Portal
    links: list[dict[str, str]] = field(default_factory=list)
    panel: str = ""
    personas: dict[str, int] = field(default_factory=dict)
    opened: dict[str, Opened] = field(default_factory=dict)
    seen: set[tuple[str, int]] = field(default_factory=set)

    @property
    def state(self) -> State:
        """The portal's memory."""
        return self.portal.state

    def arrange(self, data: Json) -> None:
        """Takes over what control sent; parts left out stay. Raises ``ValueError`` for addresses that are
        none and people who are unknown."""
        links = data.get("links", self.links)
        panel = str(data.get("panel", self.panel) or "")
        for url in [*(str(row["url"]) for row in links), *([panel] if panel else [])]:
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"not an address: {url}")
        people = {str(k): _user_of(v) for k, v in (data.get("personas") or self.personas).items()}
        for user_id in people.values():
            if user_id not in self.state.users:
                raise ValueError(f"no user {user_id}")
        self.links = [{"title": str(row["title"]), "url": str(row["url"])} for row in links]
        self.panel, self.personas = panel, people

    def roles(self) -> dict[str, int]:
        """Role → employee: what control said, else a guess from the staff."""
        guessed = guess(self.state)
        return {
            role: found for role in ROLES if (found := self.personas.get(role, guessed.get(role, 0)) or 0)
        }

    def version(self) -> int:
        """Differs after every write that a page could show."""
        state = self.state
        tables = [*state.items.values(), *state.history.values(), state.comments, state.log_messages]
        tables += [state.activities, state.tasks, state.checklists, state.task_results, state.user_fields]
        plain = len(state.placements) + len(state.layouts) + len(state.notifications) + len(state.users)
        working = sum(bool(user.get("ACTIVE", True)) for user in list(state.users.values()))
        apps = sum(_STATES.index(app.state) for app in list(state.apps.values()))
        return sum(table.changes for table in tables) + plain + 1000 * working + 100_000 * apps


def _user_of(value: Any) -> int:
    return to_int(value.get("user", value.get("id"))) if isinstance(value, dict) else to_int(value)


def guess(state: State) -> dict[str, int]:
    """Who of the staff fits each role."""
    people = {to_int(user["ID"]): user for user in state.users.values()}
    active = [n for n in sorted(people) if people[n].get("ACTIVE", True)]
    heads = [
        to_int(row.get("UF_HEAD")) for _, row in sorted(state.departments.rows.items()) if row.get("PARENT")
    ]
    roots = {to_int(row.get("UF_HEAD")) for row in state.departments.rows.values() if not row.get("PARENT")}
    phones = [n for n in active if "колл" in str(people[n].get("WORK_POSITION", "")).lower()]
    plain = [n for n in active if not state.is_admin(n) and n not in heads and n not in roots]
    gone = [n for n in sorted(people) if n not in active]
    found = {
        "administrator": next((n for n in active if state.is_admin(n)), 0),
        "director": next((n for n in heads if n in active and not state.is_admin(n)), 0),
        "manager": next((n for n in plain if n not in phones), 0),
        "caller": next(iter(phones), 0),
        "dismissed": next(iter(gone), 0),
    }
    return {role: number for role, number in found.items() if number}


@dataclass(frozen=True)
class Visit:
    """One request of one viewer."""

    desk: Desk
    user_id: int

    @property
    def state(self) -> State:
        """The portal's memory."""
        return self.desk.state

    @property
    def language(self) -> str:
        """The portal's language."""
        return self.state.info.language

    @property
    def admin(self) -> bool:
        """Whether the viewer is an administrator."""
        return self.state.is_admin(self.user_id)

    @property
    def employee(self) -> bool:
        """Whether the viewer works here (still)."""
        user = self.state.users.get(self.user_id)
        return user is not None and bool(user.get("ACTIVE", True))

    @property
    def bare(self) -> bool:
        """Whether the page stands in a slider: no menu, no head."""
        return request.args.get("IFRAME") == "Y"

    def context(self) -> Context:
        """The viewer for the portal's own code."""
        return Context(self.desk.portal, self.user_id, trusted=True)

    def t(self, text: str, **values: Any) -> str:
        """A text in the portal's language."""
        return translate(text, self.language).format(**values) if values else translate(text, self.language)

    def act(self, method: str, params: Json | None = None) -> Any:
        """What the viewer does, by the same code as REST; raises :class:`Refused`."""
        answer = as_employee(self.desk.portal, self.user_id, method, params or {})
        if "error" in answer:
            raise Refused(str(answer.get("error_description") or answer["error"]).replace("<br>", ""))
        return answer["result"]

    def name(self, user_id: Any) -> str:
        """An employee's full name."""
        user = self.state.users.get(to_int(user_id))
        if user is None:
            return self.t("Robot") if not to_int(user_id) else f"#{user_id}"
        return f"{user.get('NAME') or ''} {user.get('LAST_NAME') or ''}".strip() or f"#{user_id}"


def enter(desk: Desk) -> Visit:
    """The visit of the present request: the cookie's employee, else the administrator."""
    wanted = to_int(request.cookies.get(COOKIE))
    if wanted not in desk.state.users:
        wanted = desk.roles().get("administrator", 1)
    g.visit = Visit(desk, wanted)
    return g.visit  # type: ignore[no-any-return]


def visit() -> Visit:
    """The visit that :func:`enter` began."""
    return g.visit  # type: ignore[no-any-return]
