"""A served portal and the settings pages of its administrator: the set-up and the outbox have something to show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from integration.adapters import KeySigner
from integration.bitrix import calls
from integration.bitrix.call import Call
from integration.services import frames, health
from integration.services.frames import Viewer
from integration.store.base import Sessions, transaction
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from tests.services.portal_world import World
from tests.services.ready_world import ready_world
from tests.web.conftest import make_app

MARKUP = "<b>Рога</b> & “Копыта” <script>alert(1)</script>"
ELEMENTS = ("TITLE", "STAGE_ID", "OPPORTUNITY_WITH_CURRENCY", "CLOSEDATE", "CLIENT")
LAYOUT = [
    {
        "name": "main", "title": "О сделке", "type": "section",
        "elements": [{"name": name, "optionFlags": "1"} for name in ELEMENTS],
    },
    {"name": "more", "title": "Дополнительно", "type": "section", "elements": [{"name": "COMMENTS"}]},
]  # fmt: skip


@dataclass
class Desk:
    """The pages as one person of the portal sees them."""

    place: World
    app: Flask
    client: FlaskClient

    def who(self, **changes: Any) -> Viewer:
        with transaction(self.place.deps.sessions) as session:
            portal = session.get_one(Portal, changes.pop("portal_id", self.place.portal_id))
            code = {"uk": "ua"}.get(changes.pop("language", "en"), "")
            made = frames.viewer(
                portal, changes.pop("user_id", 1), changes.pop("administrator", True), code or "en",
                self.place.clock.now(),
            )  # fmt: skip
        return replace(made, **changes) if changes else made

    def post(
        self, path: str, *, language: str = "en", viewer: Viewer | None = None, **fields: Any
    ) -> TestResponse:
        """A page as a form of ours asks for it."""
        who = viewer or replace(self.who(), language=language)
        session = frames.seal(self.place.deps, who)
        return self.client.post(path, data={"session": session, **fields})

    def html(self, path: str, status: int = 200, **fields: Any) -> str:
        answer = self.post(path, **fields)
        assert answer.status_code == status, answer.get_data(as_text=True)[:1500]
        return unescape(answer.get_data(as_text=True))

    def show(self, window: Page, site: str, path: str, language: str = "ru", **fields: str) -> None:
        """Post to a page in a browser, as the portal's frame does."""
        session = frames.seal(self.place.deps, replace(self.who(), language=language))
        window.goto(f"{site}/bitrix/app")
        with window.expect_navigation():
            window.evaluate(
                """([path, fields]) => { const form = document.createElement('form'); form.method = 'post';
                form.action = path; for (const [name, value] of Object.entries(fields)) {
                const input = document.createElement('input'); input.type = 'hidden'; input.name = name;
                input.value = value; form.append(input); } document.body.append(form); form.submit(); }""",
                [path, {"session": session, **fields}],
            )


@contextmanager
def desk(sessions: Sessions) -> Iterator[Desk]:
    """A portal that is set up, and the pages."""
    with ready_world(sessions) as place:
        place.deps = replace(place.deps, signer=KeySigner(("a-test-key",)))
        health.heartbeat(place.deps, "worker-1")
        app = make_app(place.deps)
        app.config["BX24_SCRIPT_URL"] = f"{place.box.portal_url}/bx24.js"
        yield Desk(place, app, app.test_client())


def stuck(place: World, *, many: int = 0) -> None:
    """Calls and letters in every state people see, `many` more given-up scores."""
    now = place.clock.now()
    update = calls.item_update("deal", 1, {"UF_CRM_MOLVA_NPS_SCORE": 4})
    comment = replace(calls.comment_add("company", 1, "Words", "m1"), probe=None)
    rows: list[tuple[str, Call, str, str, str]] = [
        ("score", update, "deal:1", "buried", "access_denied: Доступ запрещён"),
        ("score", update, "deal:2", "buried", "100: <b>Сумма</b> не число"),
        ("comment", comment, "company:1", "buried", "unknown_outcome"),
        ("referral", update, "lead:1", "buried", "fields_missing: UF_CRM_MOLVA_REFERRER"),
        ("field", update, "contact:99", "buried", "not_found: Не найдено"),
        (
            "task",
            calls.task_add({"TITLE": "T"}, "k"),
            "followup:1",
            "waiting",
            "crm.item.update: QUERY_LIMIT_EXCEEDED",
        ),
    ]
    rows += [("score", update, f"deal:{1000 + number}", "buried", "error_core: x") for number in range(many)]
    with transaction(place.deps.sessions) as session:
        for number, (purpose, call, lane, status, error) in enumerate(rows):
            over = status == "buried"
            session.add(
                OutboxRow(
                    portal_id=place.portal_id, lane=lane, status=status, key=f"s{number}", purpose=purpose,
                    method=call.method, call=call.to_json(), attempts=3, error=error, created_at=now,
                    due_at=now + timedelta(minutes=5), finished_at=now if over else None,
                    sent_at=now if purpose == "comment" else None,
                )
            )  # fmt: skip
        for number, (status, error) in enumerate(
            [
                ("unknown", "interrupted"),
                ("buried", "address_refused 550 нет такого ящика"),
                ("waiting", "hours"),
            ]
        ):
            session.add(a_letter(place, number, status, error))


def a_letter(place: World, number: int, status: str, error: str) -> LetterRow:
    now = place.clock.now()
    return LetterRow(
        portal_id=place.portal_id, lane=f"a{number}@example.com", status=status, error=error, kind="invitation",
        key=f"invitation:{number}", sender_name="Ада", sender_address="ada@agency.example", attempts=1,
        recipient_name=MARKUP, recipient_address=f"a{number}@example.com", subject="s", body_text="t",
        body_html="h", headers={}, message_id=f"<{number}@x>", created_at=now, due_at=now + timedelta(hours=2),
        finished_at=now if status != "waiting" else None, handed_at=now if status == "unknown" else None,
    )  # fmt: skip


def arrange(place: World, kind: int, part: int, sections: list[dict[str, Any]]) -> None:
    """An administrator arranges a card in the portal."""
    place.box.portal.state.layouts[(kind, "C", 0, part)] = [dict(one) for one in sections]


def rename(session: Session, portal_id: int, kind: Any, number: int, title: str) -> None:
    """Give a mirrored card another name."""
    session.get_one(kind, (portal_id, number)).title = title
