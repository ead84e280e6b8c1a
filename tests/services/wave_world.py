"""An agency with clients of every kind, a portal that answers for contacts, and mail, for the tests of waves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from integration.adapters import KeySigner, SecretDice
from integration.bitrix.call import Call
from integration.mail.outgoing import MailError, OutgoingLetter
from integration.services import letters, policies, waves
from integration.services.deps import Answer, BatchAnswer, Deps, Settings
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal, StageMove
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Department, Staff, Stage
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient, WaveEvent
from tests.conftest import HandClock, a_portal
from tests.services.dns_world import SERVER, Zone

HEAD, DIRECTOR, MANAGER = 1, 5, 6
SERVICE = 9
SENDERS = [
    {
        "key": "head", "user_id": HEAD, "name": "Пётр Сом", "position": "директор",
        "email": "som@agency.example.com", "phone": "+74950000001",
    },
    {
        "key": "branch", "user_id": DIRECTOR, "name": "Ольга Лис", "position": "руководитель отдела",
        "email": "lis@agency.example.com", "phone": "+74950000005",
    },
]  # fmt: skip
POLICY: dict[str, Any] = {
    "service_pipelines": [SERVICE], "wave_month": 3, "wave_day": 2, "announce_days": 14, "plan_days_before": 42,
    "reminder_days": [4, 9], "closing_days": 7, "time_zone": "Europe/Moscow", "language": "ru", "country": "RU",
    "senders": SENDERS, "default_sender": "branch", "head_sender": "head", "head_user_id": HEAD,
    "wave_owner": HEAD, "default_owner": DIRECTOR,
}  # fmt: skip


@dataclass
class Contacts:
    """The portal, as far as a freeze sees it: `crm.item.list` of contacts by id, inside a batch."""

    emails: dict[int, list[str]] = field(default_factory=dict)
    phones: dict[int, list[str]] = field(default_factory=dict)
    requests: int = 0
    fail: list[Exception] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(
        default_factory=list
    )  # overdue and critical, as the portal would list them
    refuse_tasks: Exception | None = None

    def __call__(self, endpoint: str, token: str, *, portal_id: int | None = None) -> Contacts:
        return self

    def call(self, call: Call) -> Answer:
        assert call.method == "tasks.task.list", f"{call.method} is not read when a list is frozen"
        if self.refuse_tasks is not None:
            raise self.refuse_tasks
        wanted = call.params["filter"]
        assert wanted.keys() == {"PRIORITY", "<DEADLINE", "!REAL_STATUS", ">ID"}
        return Answer({"tasks": [task for task in self.tasks if int(task["id"]) > wanted[">ID"]][:50]})

    def batch(self, calls: Mapping[str, Call], *, halt: bool = False) -> BatchAnswer:
        self.requests += 1
        if self.fail:
            raise self.fail.pop(0)
        return BatchAnswer({key: Answer(self._page(call)) for key, call in calls.items()}, {})

    def _page(self, call: Call) -> dict[str, Any]:
        assert (call.method, call.params["entityTypeId"], call.params["select"]) == (
            "crm.item.list",
            3,
            ["*"],
        )
        ids = call.params["filter"]["@id"]
        assert len(ids) <= 50
        return {"items": [self._card(n) for n in sorted(ids) if n in self.emails or n in self.phones]}

    def _card(self, number: int) -> dict[str, Any]:
        fm = [
            {"id": 1, "typeId": "EMAIL", "valueType": "WORK", "value": v} for v in self.emails.get(number, [])
        ]
        fm += [
            {"id": 2, "typeId": "PHONE", "valueType": "WORK", "value": v} for v in self.phones.get(number, [])
        ]
        return {"id": number, "fm": fm}


@dataclass
class Post:
    """A mail server that takes everything, unless it is told what to answer."""

    sent: list[OutgoingLetter] = field(default_factory=list)
    answers: list[MailError | type[BaseException] | None] = field(default_factory=list)
    ready: bool = True
    closed: int = 0

    def send(self, batch: list[OutgoingLetter]) -> list[MailError | None]:
        found: list[MailError | None] = []
        for letter in batch:
            answer = self.answers.pop(0) if self.answers else None
            if isinstance(answer, type):
                raise answer
            if answer is None:
                self.sent.append(letter)
            found.append(answer)
        return found

    def check(self) -> MailError | None:
        return None

    def close(self) -> None:
        self.closed += 1


class Never:
    """Stands for what a wave must not reach for."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a wave reached for {name}")


@dataclass
class World:
    """One portal with its wave; helpers to make clients and to let time pass."""

    deps: Deps
    clock: HandClock
    portal_id: int
    contacts: Contacts
    post: Post
    days: int = 0

    # --- making clients

    def client(
        self,
        number: int,
        *,
        people: int = 1,
        title: str = "",
        since: date = date(2024, 5, 1),
        email: str | None = "",
        manager: int = MANAGER,
        **card: Any,
    ) -> int:
        """A company served since a day, through deal number·10, with people number·100 and on."""
        with transaction(self.deps.sessions) as session:
            values = {"title": title or f"Клиент {number}", "assigned_by": manager, "city": "Казань"} | card
            session.add(Company(portal_id=self.portal_id, id=number, **values))
            self._deal(session, number * 10, "company", number, since, number * 100 if people else None)
            for place in range(people):
                contact = number * 100 + place
                session.add(
                    Contact(portal_id=self.portal_id, id=contact, name="Анна", last_name=f"Коваль-{contact}")
                )
                session.add(ContactCompany(portal_id=self.portal_id, contact_id=contact, company_id=number))
                if email is not None:
                    self.contacts.emails[contact] = [email or f"p{contact}@client.example.com"]
        return number

    def person(self, number: int, since: date = date(2024, 5, 1), **card: Any) -> int:
        """A contact without a company that is a client itself."""
        with transaction(self.deps.sessions) as session:
            values = {"name": "Один", "last_name": f"Одинокий-{number}", "assigned_by": MANAGER} | card
            session.add(Contact(portal_id=self.portal_id, id=number, **values))
            self._deal(session, number * 10, "contact", number, since, number)
        self.contacts.emails[number] = [f"p{number}@alone.example.com"]
        return number

    def _deal(
        self, session: Session, number: int, kind: str, client: int, since: date, contact: int | None
    ) -> None:
        session.add(
            Deal(
                portal_id=self.portal_id, id=number, title=f"Сделка {number}", category_id=SERVICE,
                stage_id=f"C{SERVICE}:NEW", client_kind=kind, client_id=client, contact_id=contact,
                company_id=client if kind == "company" else None, assigned_by=MANAGER, amount=100, currency="RUB",
                begin_on=since,
            )
        )  # fmt: skip
        session.add(
            StageMove(
                portal_id=self.portal_id, id=number, deal_id=number, category_id=SERVICE, stage_id=f"C{SERVICE}:NEW",
                moved_at=datetime(since.year, since.month, since.day, 9, tzinfo=UTC),
            )
        )  # fmt: skip

    def set(self, table: type[Any], key: Any, **values: Any) -> None:
        with transaction(self.deps.sessions) as session:
            row = session.get_one(table, key)
            for name, value in values.items():
                setattr(row, name, value)

    def policy(self, **changes: Any) -> None:
        with transaction(self.deps.sessions) as session:
            _, version = policies.load(session, self.portal_id)
        saved = policies.save(self.deps, self.portal_id, changes, "тест", version)
        assert isinstance(saved, int), saved

    def left(self, contact: int, kind: str = "invitation", status: str = "done") -> None:
        """A letter of the last wave to a contact as it stands after it has left, or has come to grief."""
        invitation, now = self.invitations()[contact], self.clock.now()
        with transaction(self.deps.sessions) as session:
            session.get_one(Invitation, invitation.id).touches = {kind: now.isoformat()}
            session.add(
                LetterRow(
                    portal_id=self.portal_id, lane=invitation.address, status=status, due_at=now, created_at=now,
                    key=f"{kind}:{invitation.id}", kind=kind, wave_id=invitation.wave_id,
                    invitation_id=invitation.id, sender_name="", sender_address="", subject="", body_text="",
                    body_html="", recipient_address=invitation.address, message_id=f"<{kind}{invitation.id}>",
                    handed_at=now if status in ("done", "unknown") else None,
                )
            )  # fmt: skip

    # --- the wave

    def planned(self) -> int:
        """The draft of the year, made on its day."""
        self.clock.moment = datetime(2026, 1, 19, 9, tzinfo=UTC)
        wave_id = waves.plan_portal(self.deps, self.portal_id)
        assert wave_id is not None
        return wave_id

    def approved(self) -> int:
        """A wave that has been planned, frozen, rehearsed and approved."""
        wave_id = self.planned()
        report = waves.rehearse(self.deps, self.portal_id, wave_id, "Пётр Сом")
        assert report["errors"] == []
        waves.approve(self.deps, self.portal_id, wave_id, "Пётр Сом")
        return wave_id

    def tick(self) -> None:
        """Everything due now, until nothing is."""
        for _ in range(100):
            if not (waves.advance_due(self.deps) | letters.drain(self.deps)):
                return
        raise AssertionError("the machine does not come to rest")

    def until(self, moment: datetime) -> None:
        """Let time pass from one due moment to the next, with everything done that becomes due."""
        self.tick()
        while self.clock.moment < moment:
            due = [at for at in self._due() if at is not None and at > self.clock.moment]
            self.clock.moment = min([*due, moment])
            self.tick()

    def _due(self) -> list[datetime | None]:
        with transaction(self.deps.sessions) as session:
            return [
                session.scalar(
                    select(func.min(Wave.step_due_at)).where(Wave.step_due_at > self.clock.moment)
                ),
                session.scalar(
                    select(func.min(Invitation.due_at)).where(Invitation.due_at > self.clock.moment)
                ),
                session.scalar(select(func.min(LetterRow.due_at)).where(LetterRow.status == "waiting")),
            ]

    # --- looking

    def rows(self, table: type[Any], **equal: Any) -> list[Any]:
        with transaction(self.deps.sessions) as session:
            return list(
                session.scalars(select(table).filter_by(portal_id=self.portal_id, **equal).order_by(table.id))
            )

    def wave(self) -> Wave:
        return self.rows(Wave)[-1]  # type: ignore[no-any-return]

    def lines(self) -> dict[tuple[str, int], WaveClient]:
        return {(row.client_kind, row.client_id): row for row in self.rows(WaveClient)}

    def reasons(self) -> dict[int, str]:
        return {row.client_id: row.reason for row in self.rows(WaveClient)}

    def invitations(self) -> dict[int, Invitation]:
        return {row.contact_id: row for row in self.rows(Invitation)}

    def letters(self, **equal: Any) -> list[LetterRow]:
        return self.rows(LetterRow, **equal)

    def events(self) -> list[WaveEvent]:
        return self.rows(WaveEvent)

    def outbox(self, **equal: Any) -> list[OutboxRow]:
        return self.rows(OutboxRow, **equal)

    def answer(self, contact: int, score: int, status: str = "counted", comment: str = "") -> None:
        """An answer as the answer page stores it."""
        with transaction(self.deps.sessions) as session:
            found = session.scalars(
                select(Invitation)
                .filter_by(portal_id=self.portal_id, contact_id=contact)
                .order_by(Invitation.id.desc())
            ).first()
            assert found is not None
            session.add(
                Response(
                    portal_id=self.portal_id, wave_id=found.wave_id, invitation_id=found.id, score=score,
                    comment=comment, channel="email", status=status, answered_at=self.clock.now(),
                )
            )  # fmt: skip
            if status == "counted":
                found.outcome, found.outcome_at, found.due_at = "answered", self.clock.now(), None


def make_world(sessions: Sessions, clock: HandClock, *, policy: Mapping[str, Any] | None = None) -> World:
    contacts, post = Contacts(), Post()
    deps = Deps(
        sessions=sessions, clock=clock, rest=contacts, oauth=Never(), mailer=post, names=Zone(),
        settings=Settings(public_url="https://molva.example", worker_name="w1", smtp_host=SERVER),
        signer=KeySigner(("a-test-key",)), dice=SecretDice(),
    )  # fmt: skip
    with transaction(sessions) as session:
        fields = {"contact": {"UF_CRM_MOLVA_SURVEY_URL": {"id": 1, "type": "string", "items": {}}}}
        portal = a_portal(
            member_id="m-waves", language="ru", time_zone="Europe/Moscow", currency="RUB", fields=fields,
            calendar={"week_holidays": ["SA", "SU"], "year_holidays": "1.01,23.02,8.03", "work_time_start": "9"},
        )  # fmt: skip
        session.add(portal)
        session.flush()
        _fill(session, portal.id)
        world = World(deps, clock, portal.id, contacts, post)
    world.policy(**{**POLICY, **(policy or {})})
    return world


def _fill(session: Session, pid: int) -> None:
    """Staff, departments, two pipelines and the agency's own company."""
    for user, name, last, position in (
        (HEAD, "Пётр", "Сом", "директор"), (DIRECTOR, "Ольга", "Лис", "руководитель"),
        (MANAGER, "Иван", "Петров", "менеджер"),
    ):  # fmt: skip
        session.add(
            Staff(
                portal_id=pid, user_id=user, name=name, last_name=last, position=position,
                departments=[1 if user == HEAD else 2], email=f"user{user}@agency.example.com",
                phone=f"+7495000000{user}",
            )
        )  # fmt: skip
    session.add(Department(portal_id=pid, department_id=1, name="Агентство", head_user_id=HEAD))
    session.add(
        Department(portal_id=pid, department_id=2, name="Клиенты", parent_id=1, head_user_id=DIRECTOR)
    )
    for category, name in ((0, "Продажи"), (SERVICE, "Сопровождение")):
        prefix = f"C{category}:" if category else ""
        for code, meaning in (("NEW", ""), ("WON", "S"), ("LOSE", "F"), ("TROUBLE", "")):
            session.add(
                Stage(
                    portal_id=pid, stage_id=prefix + code, category_id=category, category_name=name, name=code,
                    semantics=meaning,
                )
            )  # fmt: skip
    session.add(Company(portal_id=pid, id=1, title="Северный ветер", own=True))
