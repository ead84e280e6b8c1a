"""``molva demo --once``: a year of an agency from installation to the closed wave, compared at its end."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

from integration.bitrix.sandbox.story import LEAST, Story, tell
from integration.bitrix.sandbox.story_year import Act

from . import settings
from .actual import Actual, read
from .callers import Callers
from .compare import Carried, differences, of_calls, of_wave
from .days import ZONE, Office, local_day
from .eligible import assess
from .expect import Expected, expect, wave_days
from .ground import Ground, Json, ground_of
from .kills import Killer
from .money import of_money, rates_of
from .people import town
from .phone import lines
from .portal import PortalError
from .printing import Teller
from .processes import StuckError, wait_for
from .staff import Staff, doubtful_letters, waves
from .summary import summarise
from .thanks import brought, take_notes, take_tasks
from .world import CLIENT_ID, World
from .year import ROUND, Year

SYNC_SECONDS = 240.0
#: What ends a run with one line instead of a trace; requests' own errors are OSErrors.
FAILURES = (StuckError, PortalError, LookupError, ValueError, OSError, subprocess.SubprocessError)
#: A year.
LENGTH = timedelta(days=365)
#: Hours at which somebody sits down to call.
SITTINGS = (10, 14)


@dataclass
class Play:
    """One whole run. ``expected`` and ``actual`` are there after ``run``.

    ``losses``: events of the portal may be lost; then Molva's next round is waited for after each deed of staff.
    """

    story: Story
    world: World
    teller: Teller
    kills: int = 0
    losses: bool = False
    unknown: list[str] = field(default_factory=list)
    reopened: int = 0
    ground: Ground | None = None
    listed: datetime | None = None
    wave: str = ""
    wave_id: str = ""
    deeds_told: int = 0
    letters_told: Counter[str] = field(default_factory=Counter)
    callers: Callers | None = None

    def __post_init__(self) -> None:
        self.office = Office.of(self.story.agency.calendar, settings.HOURS)
        self.days = wave_days(self.office, self.story.begin.year, self.story.freeze)
        self.killer = Killer(self.world, self.kills, self.story.seed, self._busy())
        self.year = Year(self.world, town(self.story.seed, self.story.languages), self._watch, self.killer)

    def run(self) -> tuple[Expected, Actual, list[str]]:
        """Lives the year and compares. Raises ``StuckError`` or ``PortalError``."""
        self.world.start()
        self.world.install()
        self.staff = Staff(self.world.control)
        self._tell("The portal is open, Molva is installed.")
        self._first_sync()
        for act in self.story.acts:
            self.year.agenda.put(act.at, act.about, self._deed(act))
        self._plan_head(self.days.listed)
        self._plan_callers()
        noon = datetime.combine(self.office.after(self.days.closing, 2), clock_time(12, 0), ZONE)
        self.year.agenda.put(noon, "owners finish their tasks", self._owners_finish)
        end = self.story.begin + LENGTH
        self.year.run(end)
        self.killer.rest()
        self._tell("A year has passed.")
        return self._compare()

    def _tell(self, text: str) -> None:
        self.teller.tell(self.world.now(), text)
        self.teller.progress(self.world.now(), (self.world.now() - self.story.begin) / LENGTH)

    def _first_sync(self) -> None:
        def synchronised() -> bool:
            self.year.check_alive()
            rows = json.loads(self.world.molva("portal", "list", "--json"))
            return bool(rows) and bool(rows[0].get("synced_at"))

        self.year.settle()  # asking takes a process of its own each time
        wait_for("the first synchronisation", synchronised, SYNC_SECONDS, self.world.tails)
        file = self.world.folder / "policy.json"
        file.write_text(json.dumps(settings.policy(), ensure_ascii=False), encoding="utf-8")
        self.world.molva("policy", "set", str(file), "--author", "head of the agency")
        self._tell("The cards are read; the head has set who is a client and who signs.")

    def _deed(self, act: Act) -> Callable[[], None]:
        """An act of staff. The portal does not repeat an event that was lost: Molva learns of it by its own round.

        If the clock leapt over that round, a lost event would be noticed as after a downtime of weeks, and what is due
        so many days later would be due too late.
        """

        def do() -> None:
            self.staff.do(act)
            self._tell(f"{act.about}.")
            if self.losses or self.kills:
                self.year.agenda.put(self.world.now() + ROUND, "Molva's own round", lambda: None)

        return do

    def _plan_head(self, day: date) -> None:
        """The head looks at the wave in the afternoon."""
        moment = datetime.combine(self.office.working(day), clock_time(15, 0), ZONE)
        self.year.agenda.put(moment, "the head looks at the wave", self._head_looks)

    def _head_looks(self) -> None:
        """Approves the wave that waits for it; without one looks again on the next working day."""
        today = local_day(self.world.now())
        waiting = [wave for wave in waves(self.world) if wave["stage"] in ("draft", "rehearsed")]
        if not waiting and today < self.days.announced:
            self._plan_head(today + timedelta(days=1))
        for wave in waiting:
            self.wave, self.wave_id = str(wave["name"]), str(wave["id"])
            self.ground, self.listed = self._take_ground(), self.world.now()
            report = json.loads(self.world.molva("wave", "rehearse", str(wave["id"]), "--json"))
            if report.get("errors"):
                told = json.dumps(report["errors"], ensure_ascii=False)[:1500]
                raise StuckError(f"the rehearsal found errors: {told}")
            self.world.molva("wave", "approve", str(wave["id"]), "--who", "head of the agency")
            self._tell(f"Wave {self.wave} is rehearsed and approved.")

    def _plan_callers(self) -> None:
        """On the days of calling somebody sits at the desk twice; the last time it is the call centre."""
        day, sittings = self.days.called, []
        while day < self.days.mailed:
            sittings += [datetime.combine(day, clock_time(hour), ZONE) for hour in SITTINGS]
            day = self.office.after(day, 1)
        for moment in sittings:
            self._plan_sitting(moment, partner=moment == sittings[-1])

    def _plan_sitting(self, moment: datetime, *, partner: bool = False) -> None:
        self.year.agenda.put(moment, "somebody calls", lambda: self._sit(partner))

    def _sit(self, partner: bool) -> None:
        if self.ground is None or self.listed is None:
            raise StuckError("nobody has looked at the wave before the calls")
        if self.callers is None:
            verdicts = assess(self.ground, local_day(self.listed))
            known = lines(self.story.seed, verdicts, self.year.town)
            self.callers = Callers(self.world, self.office, self.year.diary, known, self._plan_sitting)
        made = self.callers.sit(self.wave_id, partner=partner)
        self._tell(f"{'The call centre' if partner else 'The caller'} has made {made} calls.")

    def _owners_finish(self) -> None:
        """Whoever owns a follow-up notes what came of it and finishes the task, in the portal's own pages."""
        rows = [row for row in self.world.reader.tasks() if row.get("ufCrmTask")]
        for row in rows:
            owner, task = int(row["responsibleId"]), {"taskId": int(row["id"])}
            self.world.control.act(owner, "ui.task.result", task | {"text": "Поговорили, договорились."})
            self.world.control.act(owner, "tasks.task.complete", task)
        self._tell(f"{len(rows)} follow-up tasks are finished by their owners.")

    def _take_ground(self) -> Ground:
        """The sandbox's own data, its addresses read by REST, departments and calendar from the story."""
        dump = self.world.control.get("dump")
        rows = self.world.reader.addresses()
        roles = {number: xml for xml, number in self.staff.enum("contact", "UF_CRM_MOLVA_ROLE").items()}
        items = dump["items"]
        plain: Json = {
            "companies": items["COMPANY"], "contacts": items["CONTACT"], "deals": items["DEAL"],
            "stage_history": dump["stage_history"]["DEAL"], "addresses": rows, "users": dump["users"],
            "departments": self.story.agency.departments, "calendar": self.story.agency.calendar,
        }  # fmt: skip
        return ground_of(plain, roles)

    def _watch(self, now: datetime) -> None:
        """Tells what happened since the last step; the head settles letters in doubt after a kill."""
        self._settle_doubts()
        self.teller.progress(now, (now - self.story.begin) / LENGTH)
        fresh = self.year.letters[sum(self.letters_told.values()) :]
        if fresh:
            kinds = Counter(letter.kind for letter in fresh)
            self.letters_told.update(kinds)
            self._tell(", ".join(f"{n} × {kind}" for kind, n in sorted(kinds.items())) + " in the mail room.")
        for deed in self.year.diary[self.deeds_told :]:
            words = f"{deed.score}: {deed.comment!r}" if deed.score >= 0 else ""
            self._tell(f"{deed.address} {deed.kind.replace('_', ' ')} {words}".rstrip())
        self.deeds_told = len(self.year.diary)

    def _settle_doubts(self) -> None:
        """After a sudden death people do what only people can: decide about letters, open the application again."""
        metrics = self.year.rested
        if metrics.get('molva_letters{status="unknown"}'):
            self._settle_letters()
        if metrics.get('molva_portals{status="reauthorise"}'):
            self._tell("Molva has lost its access; the administrator opens the application.")
            self.world.control.post(f"apps/{CLIENT_ID}/open", {"user_id": 1})
            self.reopened += 1

    def _settle_letters(self) -> None:
        """A letter nobody knows about: the head asks the mail room and decides."""
        self.year.read_mail()
        arrived = {letter.headers.get("Message-ID") for letter in self.year.mailbox.letters}
        for row in doubtful_letters(self.world):
            self.unknown.append(f"{row['kind']} to {row['recipient']}")
            verdict = "was_sent" if row.get("message_id") in arrived else "resend"
            self.world.molva("letters", "decide", str(row["id"]), verdict, "--who", "head of the agency")

    def _busy(self) -> tuple[datetime, ...]:
        """Moments at which it hurts, the worst ones first: mornings of letters, answers, staff at work."""
        days = self.days
        mornings = [
            self.office.opening(day)
            for day in (days.mailed, days.announced, days.called, *days.reminders, days.closing)
        ]
        mornings.insert(1, datetime.combine(days.called, clock_time(SITTINGS[0]), ZONE))
        answers = [mornings[0] + timedelta(hours=h, minutes=30) for h in (2, 1, 5, 3, 20, 26)]
        acts = [act.at for act in self.story.acts[:: max(1, len(self.story.acts) // 6)]]
        rounds = itertools.zip_longest(mornings, answers, acts)
        return tuple(moment for some in rounds for moment in some if moment is not None)

    def _compare(self) -> tuple[Expected, Actual, list[str]]:
        if self.ground is None or self.listed is None:
            raise StuckError("the year ended without a wave")
        verdicts = assess(self.ground, local_day(self.listed))
        expected = expect(self.ground, verdicts, self.year.diary, self.days, self.office)
        friends = brought(self.story.acts, self.staff.known)
        commented = {note.card for note in expected.notes} | {one.referrer for one in friends}
        actual = read(self.world.reader, commented)
        problems = [
            *take_notes(friends, actual),
            *take_tasks(friends, self.ground, self.office, actual),
        ]
        problems += differences(expected, actual, self.year.letters, self.wave, self._carried())
        problems += self._kinds(expected)
        told = next((w for w in waves(self.world) if str(w["name"]) == self.wave), {})
        problems += of_wave(expected, told)
        problems += of_money(expected, told, rates_of(self.story.agency.currencies))
        if self.callers is not None:
            problems += of_calls(self.callers.calls, told)
        return expected, actual, problems

    def _kinds(self, expected: Expected) -> list[str]:
        """Whether the demo's own judgement agrees with what the story meant each client to be."""
        from .kinds import meant

        return meant(self.story.kinds, self.staff.known, expected)

    def _carried(self) -> list[Carried]:
        """Referrals that staff set on leads and that went along at conversion, and the portal's own source."""
        known = self.staff.known
        found = [Carried(("lead", known["lead3"]), "unknown", "")] if "lead3" in known else []
        for act in self.story.acts:
            fields = act.params.get("fields", {})
            lead = str(act.params.get("id", "")).removeprefix("@")
            if "UF_CRM_MOLVA_REFERRER" not in fields or lead not in known:
                continue
            source = fields["UF_CRM_MOLVA_REFERRAL_SOURCE"].rpartition(":")[2]
            names = {
                "lead": lead,
                "deal": f"{lead}_deal",
                "company": f"{lead}_company",
                "contact": f"{lead}_contact",
            }
            for kind, name in names.items():
                own = {"lead1": "WEB", "lead2": "RECOMMENDATION"}.get(lead, "") if kind == "lead" else ""
                if name in known:
                    found.append(Carried((kind, known[name]), source, fields["UF_CRM_MOLVA_REFERRER"], own))
        return found


def run_demo(*, once: bool, as_json: bool, clients: int, seed: int, port: int = 0, kills: int = 0) -> int:
    """The command ``molva demo``. Exit status 0 only if every expected card, comment and task is there."""
    if clients < LEAST:
        sys.stderr.write(f"molva: the demo needs at least {LEAST} clients\n")
        return 2
    begun = time.monotonic()
    teller = Teller(quiet=as_json)
    folder = Path(tempfile.mkdtemp(prefix="molva-demo-"))
    world = World(folder, tell(seed, clients), os.environ.get("MOLVA_DATABASE_URL", ""), port)
    play = Play(world.story, world, teller, kills)
    keep = bool(os.environ.get("MOLVA_DEMO_KEEP"))
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        expected, actual, problems = play.run()
        summary = summarise(play, expected, actual, problems, time.monotonic() - begun)
    except FAILURES as error:
        keep = True
        sys.stderr.write(f"molva: the demo got stuck: {error}\n")
        sys.stderr.write(f"molva: logs are in {folder}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        play.killer.rest()
        world.stop()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        sys.stdout.write(json.dumps(summary, ensure_ascii=False, indent=2) + "\n")
    teller.end(summary, problems)
    return 1 if problems else 0
