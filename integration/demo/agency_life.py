"""The agency in the demo one walks around in: what its people do by themselves, and what is looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from integration.app import Application, build
from integration.bitrix.sandbox.agency import COMPANY, Json
from integration.bitrix.sandbox.story_staff import ADMIN
from integration.config import Config
from integration.nps.plans import Plan, wave_start
from integration.services import first_run, policies, portals, waves
from integration.store.base import reading

from . import past_file, past_friends
from .chronicle import Chronicle
from .conductor import TROUBLES
from .days import ZONE, Office, local_day
from .live_story import COMPANY_CARD, OPENING, Autumn, Deed, policy
from .on_the_phone import Talk, talks
from .portal import PortalError
from .processes import StuckError
from .staff import Staff, doubtful_letters
from .world import CLIENT_ID, World
from .year import Year

HEAD_NAME = "Роман Воеводин"
OPEN_STAGES = ("draft", "rehearsed")
#: Every third follow-up is left undone, so that reminders and escalation are seen as well.
LEFT_UNDONE = 3


@dataclass
class AgencyLife:
    """Staff at work. ``alone``: the agency approves the survey and finishes tasks by itself."""

    world: World
    year: Year
    autumn: Autumn
    chronicle: Chronicle
    office: Office
    alone: bool = True
    staff: Staff = field(init=False)
    app: Application = field(init=False)
    _there: bool = False
    _letters: int = 0
    _deeds: int = 0
    _looks: dict[int, datetime] = field(default_factory=dict)

    def lived(self) -> None:
        """What staff did before the opening, each deed at its time; the portal must be running."""
        self.staff = Staff(self.world.control)
        for act in self.autumn.plain:
            self.world.jump(act.at)
            self.staff.do(act)
        self.world.jump(OPENING)
        sections = [
            {"name": f"part{number}", "title": title, "type": "section",
             "elements": [{"name": name, "optionFlags": "1"} for name in names]}
            for number, (title, names) in enumerate(COMPANY_CARD.items())
        ]  # fmt: skip
        arranged = {"entityTypeId": COMPANY, "scope": "C", "data": sections}
        self.world.control.act(ADMIN, "crm.item.details.configuration.set", arranged)

    def open(self) -> None:
        """Connects to Molva's database beside its processes, and puts the autumn on the agenda."""
        self.app = build(Config.from_env(self.world.env, self.world.folder))
        for deed in self.autumn.deeds:
            self.year.agenda.put(deed.act.at, deed.said.name, self._doing(deed))
        self._plan_evening(local_day(self.world.now()))

    def close(self) -> None:
        """Lets the database go."""
        if hasattr(self, "app"):
            self.app.engine.dispose()

    # --- Molva in the portal

    def portal_id(self) -> int:
        """Molva's number of the portal, 0 while it is not installed."""
        rows = portals.overview(self.app.deps)
        return next((int(row["id"]) for row in rows if row["status"] == "active"), 0)

    def surveys(self) -> list[dict[str, Any]]:
        """Molva's surveys as its own console sees them, the youngest first, those of imports left out."""
        portal_id = self.portal_id()
        rows = waves.overview(self.app.deps, portal_id) if portal_id else []
        return [row for row in rows if not _is_past(row)]

    def synchronised(self) -> bool:
        """Whether Molva has read the portal's cards."""
        rows = portals.overview(self.app.deps)
        return any(row["status"] == "active" and row["synced_at"] for row in rows)

    def on_the_phone(self) -> list[Talk]:
        """Who is being called at the desk at this moment, and what they say."""
        portal_id, seed = self.portal_id(), self.autumn.story.seed
        with reading(self.app.deps.sessions) as session:
            return talks(session, portal_id, self.world.now(), self.year.town, self.office, seed)

    def next_event(self) -> tuple[str, datetime] | None:
        """What comes next in the survey and when, a little after office hours begin; nothing after its end."""
        now = self.world.now()
        for row in self.surveys():
            if row["stage"] in ("closed", "cancelled") and row["result_frozen_at"]:
                continue
            moments = [(name, self._morning(day)) for name, day in _days(Plan.from_json(row["plan"]))]
            if not row["approved_by"] and row["id"] in self._looks and self.alone:
                moments.append(("approval", self._looks[row["id"]] + timedelta(minutes=5)))
            return min((pair for pair in moments if pair[1] > now), key=lambda pair: pair[1], default=None)
        return self._planning(now)

    def _planning(self, now: datetime) -> tuple[str, datetime] | None:
        portal_id = self.portal_id()
        if not portal_id:
            return None
        with reading(self.app.deps.sessions) as session:
            found, _ = policies.load(session, portal_id)
        for year in (now.year, now.year + 1):
            start = wave_start(year, found)
            moment = self._morning(start - timedelta(days=found.plan_days_before)) if start else now
            if moment > now:
                return "planning", moment
        return None

    def _morning(self, day: date) -> datetime:
        return self.office.opening(day) + timedelta(minutes=20)

    # --- every step

    def look(self) -> None:
        """Tells what is new; called at every step of the clock and every quiet second."""
        now = self.world.now()
        fresh = self.year.letters[self._letters :]
        self._letters += len(fresh)
        self.chronicle.letters(now, fresh)
        deeds = self.year.diary[self._deeds :]
        self._deeds += len(deeds)
        self.chronicle.deeds(deeds)
        with suppress(*TROUBLES):
            self.chronicle.writes(now, self.world.control.get("counters")["by_method"])
        self._settle_doubts()
        self.note_molva()
        rows = self.surveys()
        self.chronicle.waves(now, rows)
        for row in rows:
            if row["stage"] in OPEN_STAGES and not row["approved_by"] and row["id"] not in self._looks:
                self._plan_look(int(row["id"]))

    def note_molva(self) -> None:
        """Tells when Molva came into the portal, or left it."""
        there = self.synchronised()
        if there != self._there:
            self._there = there
            self.chronicle.tell(
                self.world.now(), "installed" if there else "gone", "good" if there else "bad"
            )

    def _settle_doubts(self) -> None:
        """Letters whose fate is unknown are decided by the head; a lost access comes back with a visit."""
        metrics = self.world.metrics()
        if metrics.get('molva_letters{status="unknown"}'):
            arrived = {letter.headers.get("Message-ID") for letter in self.year.letters}
            for row in doubtful_letters(self.world):
                verdict = "was_sent" if row.get("message_id") in arrived else "resend"
                self.world.molva("letters", "decide", str(row["id"]), verdict, "--who", HEAD_NAME)
        if metrics.get('molva_portals{status="reauthorise"}') and self.alone:
            self.world.control.post(f"apps/{CLIENT_ID}/open", {"user_id": 1})
            self.chronicle.tell(self.world.now(), "reopened", "staff")

    # --- what staff do

    def _doing(self, deed: Deed) -> Callable[[], None]:
        ours = "UF_CRM_MOLVA" in str(deed.act.params)

        def do() -> None:
            if ours and not self.portal_id():
                return
            try:
                self.staff.do(deed.act)
            except PortalError as error:
                self.chronicle.tell(self.world.now(), "refused", "bad", why=str(error)[:160])
            else:
                self.chronicle.tell(self.world.now(), deed.said.name, "staff", **deed.said.values)

        return do

    def _plan_look(self, wave_id: int) -> None:
        """The head looks at the survey on the next working afternoon."""
        day = self.office.after(local_day(self.world.now()) + timedelta(days=1), 0)
        moment = datetime.combine(day, time(15), ZONE)
        self._looks[wave_id] = moment
        self.year.agenda.put(moment, "the head looks at the survey", lambda: self._approve(wave_id))

    def _approve(self, wave_id: int) -> None:
        row = next((row for row in self.surveys() if row["id"] == wave_id), None)
        if row is None or row["stage"] not in OPEN_STAGES or row["approved_by"]:
            return
        now = self.world.now()
        if not self.alone:
            self.chronicle.tell(now, "waits", wave=row["name"])
            self._plan_look(wave_id)
            return
        report = json.loads(self.world.molva("wave", "rehearse", str(wave_id), "--json"))
        if report.get("errors"):
            told = json.dumps(report["errors"], ensure_ascii=False)[:200]
            self.chronicle.tell(now, "rehearsal", "bad", errors=told)
            self._plan_look(wave_id)
            return
        try:
            self.world.molva("wave", "approve", str(wave_id), "--who", HEAD_NAME)
        except StuckError as error:
            self.chronicle.tell(now, "rehearsal", "bad", errors=str(error)[-200:])

    def _plan_evening(self, day: date) -> None:
        """Each working evening, before the first answers only once a week."""
        answers = any(deed.kind == "answered" for deed in self.year.diary)
        moment = datetime.combine(self.office.after(day, 1 if answers else 5), time(17), ZONE)
        self.year.agenda.put(moment, "staff finish tasks", self._evening)

    def _evening(self) -> None:
        """Whoever owns a follow-up whose day has come notes what came of it and finishes the task."""
        today = local_day(self.world.now())
        self._plan_evening(today)
        if not self.alone:
            return
        with suppress(*TROUBLES):
            rows = [row for row in self.world.reader.tasks() if _ready(row, today)]
            for row in rows:
                owner, task = int(row["responsibleId"]), {"taskId": int(row["id"])}
                self.world.control.act(owner, "ui.task.result", task | {"text": "Поговорили, договорились."})
                self.world.control.act(owner, "tasks.task.complete", task)
            if rows:
                self.chronicle.tell(self.world.now(), "tasks_done", "staff", n=len(rows))

    # --- what the newcomer may order

    def fill_in(self) -> None:
        """The settings of the agency's head, and what staff had noted in Molva's own fields."""
        if not self.synchronised():
            self.chronicle.tell(self.world.now(), "not_installed")
            return
        file = self.world.folder / "policy.json"
        file.write_text(json.dumps(policy(), ensure_ascii=False), encoding="utf-8")
        number = str(self.portal_id())
        self.world.molva("policy", "set", str(file), "--portal", number, "--author", HEAD_NAME)
        first_run.finish(self.app.deps, int(number))
        for act in self.autumn.ours:
            with suppress(PortalError):
                self.staff.do(act)
        self.chronicle.tell(self.world.now(), "set_up", "staff")

    def bring_past(self) -> None:
        """Three old surveys and who recommended whom, by the commands an administrator would use."""
        if not self.synchronised():
            self.chronicle.tell(self.world.now(), "not_installed")
            return
        for wave, path in past_file.write(self.autumn.story, self.world.folder / "past").items():
            told = self.world.molva(
                "answers", "import", str(path), "--wave", wave, "--who", HEAD_NAME, "--json",
                "--portal", str(self.portal_id()),
            )  # fmt: skip
            done = json.loads(told)
            bad = done["problems"]
            now = self.world.now()
            self.chronicle.tell(now, "past", wave=wave, taken=done["taken"], bad=len(bad))
            for row in bad[:3]:
                self.chronicle.tell(
                    now, "past_row", wave=wave, row=row["row"], detail=row["detail"] or row["code"]
                )
        self._bring_friends()

    def _bring_friends(self) -> None:
        file = self.world.folder / "past" / "рекомендации.csv"
        if not past_friends.write(self.autumn.story, file):
            return
        told = self.world.molva(
            "referrals", "import", str(file), "--who", HEAD_NAME, "--json", "--portal", str(self.portal_id())
        )
        counts = json.loads(told)["counts"]
        left = counts["open"] + counts["bad"]
        self.chronicle.tell(self.world.now(), "past_friends", taken=counts["taken"], bad=left)


def _ready(row: Json, today: date) -> bool:
    if not row.get("ufCrmTask") or int(row.get("status") or 0) == 5 or int(row["id"]) % LEFT_UNDONE == 0:
        return False
    deadline = str(row.get("deadline") or "")[:10]
    return bool(deadline) and date.fromisoformat(deadline) <= today + timedelta(days=1)


def _is_past(row: dict[str, Any]) -> bool:
    """Whether it came from a file: closed without anybody's approval."""
    return row["stage"] == "closed" and not row["approved_by"]


def _days(plan: Plan) -> list[tuple[str, date]]:
    days = [("announcement", plan.announce), ("letters", plan.mailing)]
    if plan.calling and plan.calling != plan.mailing:
        days.append(("calls", plan.calling))
    days += [("reminder", day) for day in plan.reminders]
    return [*days, ("closing", plan.closing), ("final result", plan.frozen_on)]
