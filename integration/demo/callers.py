"""Callers at work, one in the portal, one of a call centre by a link, both through the desk's own addresses."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urljoin

from integration.bitrix.sandbox.story_staff import CALLER, HEAD

from .browser import PATIENCE, Browser, Form, Page, read_forms, words
from .days import ZONE, Office
from .people import Deed, typed
from .phone import Line, Reply
from .processes import StuckError
from .world import CLIENT_ID, World

DESK = "/app/desk"
TALK = timedelta(seconds=45)
FRESH = timedelta(minutes=10)  # what opens the portal's frame holds for a quarter of an hour
MOST = 400  # calls in one sitting; more would be a circle
_DIALLED = re.compile(r'href="tel:(\+\d+)"')
_LINK = re.compile(r"https?://[^\s\"'<>]+/calls/[A-Za-z0-9_.~-]+")
#: What came of a call and stops or changes the letters, beside the call itself.
MEANS = {"refused": "refused", "never": "opted_out", "asks_email": "asked_mail", "not_now": "not_now"}


@dataclass
class Call:
    """One call that the desk confirmed: whom, when it ended, what came of it."""

    key: str
    at: datetime
    outcome: str


@dataclass
class Callers:
    """Everybody who calls. ``lines``: people by number; ``promise``: somebody wants to be called at that minute."""

    world: World
    office: Office
    diary: list[Deed]
    lines: dict[str, Line]
    promise: Callable[[datetime], None]
    calls: list[Call] = field(default_factory=list)
    _browser: Browser = field(default_factory=Browser)
    _link: str = ""
    _opened: datetime | None = None

    def sit(self, wave_id: str, *, partner: bool = False) -> int:
        """Calls everybody whom the desk gives out; how many that were. Raises ``StuckError`` if it does not end."""
        before = len(self.calls)
        page = self._open(wave_id, partner)
        form = _desk_form(page)
        if "key" not in form.fields:
            page = self._post(page, form, {"do": "take"})
        while (form := _desk_form(page)).fields.get("key"):
            if len(self.calls) - before > MOST:
                raise StuckError("the desk gives out clients without an end")
            page = self._call(page, form, wave_id, partner)
        return len(self.calls) - before

    def _call(self, page: Page, form: Form, wave_id: str, partner: bool) -> Page:
        dialled = _DIALLED.search(page.text)
        line = self.lines.get(dialled[1]) if dialled else None
        if line is None:
            raise StuckError(f"the desk gave out somebody unknown: {words(page.text)[:600]}")
        self.world.jump(self.world.now() + TALK)
        if not partner and self._opened is not None and self.world.now() - self._opened > FRESH:
            page = self._open(wave_id, partner)
            form = _desk_form(page)
        reply = line.says(self.world.now(), self.office)
        answer = self._post(page, form, _said(line, reply))
        if answer.status != 200:
            raise StuckError(
                f"the desk refused {reply.outcome} ({answer.status}): {words(answer.text)[:600]}"
            )
        self._note(line, reply)
        return answer

    def _note(self, line: Line, reply: Reply) -> None:
        now = self.world.now()
        self.calls.append(Call(line.key, now, reply.outcome))
        self.diary.append(Deed(line.key, "called", now, comment=reply.outcome, channel="phone"))
        if reply.outcome == "answered":
            self.diary.append(Deed(line.key, "answered", now, line.score, line.comment, "phone"))
        elif reply.outcome in MEANS:
            self.diary.append(Deed(line.key, MEANS[reply.outcome], now, channel="phone"))  # type: ignore[arg-type]
        if reply.back is not None:
            self.promise(reply.back)

    def _open(self, wave_id: str, partner: bool) -> Page:
        if partner:
            self._link = self._link or self._hand_out(wave_id)
            return self._browser.open(self._link)
        self._opened = self.world.now()
        return self._enter(CALLER)

    def _enter(self, user: int) -> Page:
        """The application's main page as the portal opens it for an employee; for a caller it is the desk."""
        deadline = time.monotonic() + PATIENCE
        answer = self.world.control.post(f"apps/{CLIENT_ID}/open", {"user_id": user})
        while answer["status"] == 0 and time.monotonic() < deadline:  # nobody answers: they reload
            time.sleep(0.1)
            answer = self.world.control.post(f"apps/{CLIENT_ID}/open", {"user_id": user})
        if answer["status"] != 200:
            raise StuckError(f"the application did not open for user {user}: {str(answer)[:600]}")
        body = str(answer["body"])
        return Page(f"{self.world.public_url}/bitrix/app", 200, body, read_forms(body))

    def _hand_out(self, wave_id: str) -> str:
        """The head makes a personal link for somebody of the call centre."""
        page = self._enter(HEAD)
        session = next(form.fields["session"] for form in page.forms if "session" in form.fields)
        address = f"{self.world.public_url}/app/wave/{wave_id}/partners"
        shown = self._browser.post(address, {"session": session})
        form = next(one for one in shown.forms if "name" in one.fields and "firm" in one.fields)
        made = self._browser.post(
            address,
            form.fields | {"do": "make", "name": "Ольга Линия", "firm": "Колл-центр «Эхо»", "language": "ru"},
        )
        link = _LINK.search(made.text)
        if link is None:
            raise StuckError(f"no link was made: {words(made.text)[:600]}")
        return link[0]

    def _post(self, page: Page, form: Form, changes: Mapping[str, str]) -> Page:
        return self._browser.post(urljoin(page.url, form.action), form.fields | {"auto": "1", **changes})


def _desk_form(page: Page) -> Form:
    """The form of the desk: the one about a client, else the one that takes the next. Raises ``StuckError``."""
    ours = [form for form in page.forms if form.action.endswith(DESK) or "/calls/" in form.action]
    with_client = next((form for form in ours if form.fields.get("key")), None)
    found = with_client or next((form for form in ours if "auto" in form.fields), None)
    if found is None:
        raise StuckError(f"no desk at {page.url} ({page.status}): {words(page.text)[:600]}")
    return found


def _said(line: Line, reply: Reply) -> dict[str, str]:
    said = {"do": f"save:{reply.outcome}"}
    if reply.outcome == "answered":
        said |= {"score": str(line.score), "comment": typed(line.comment)}
    if reply.back is not None:
        said["call_back_at"] = reply.back.astimezone(ZONE).strftime("%Y-%m-%dT%H:%M")
    return said
