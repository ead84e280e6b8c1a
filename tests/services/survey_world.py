"""A portal with one wave, one client and its people, for the tests of answers and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from integration.adapters import KeySigner, SecretDice
from integration.bitrix.call import Call
from integration.services import survey
from integration.services.deps import Deps, Settings
from integration.services.survey_types import AnswerResult
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal
from integration.store.followups import FollowUp
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.policies import PolicyRow
from integration.store.portals import Department, Portal, Staff, Stage
from integration.store.responses import Response, ResponseRevision
from integration.store.waves import Invitation, Wave, WaveClient
from tests.conftest import HandClock, a_portal

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
TOUCH = {"type": "pointerdown", "trusted": "true", "purpose": "answer"}
HEAD, DIRECTOR, MANAGER = 1, 5, 6

SCORE_LISTS = {
    "UF_CRM_MOLVA_NPS_GROUP": ("promoter", "passive", "detractor"),
    "UF_CRM_MOLVA_NPS_CHANNEL": ("phone", "email", "link", "messenger", "import", "in_person"),
}
SCORE_PLAIN = (
    "UF_CRM_MOLVA_NPS_SCORE",
    "UF_CRM_MOLVA_NPS_DATE",
    "UF_CRM_MOLVA_NPS_COMMENT",
    "UF_CRM_MOLVA_NPS_WAVE",
)
REFERRAL_SOURCES = ("client", "former_client", "partner", "employee", "rating", "event", "other", "unknown")


class NoNetwork:
    """Stands where the network would be: a use case of the survey that reaches for it fails its test."""

    ready = False

    def __call__(self, *args: object, **kwargs: object) -> Any:
        raise AssertionError("a use case of the survey reached for the network")

    send = grant = refresh = check = close = __call__


def make_deps(sessions: Sessions, clock: HandClock) -> Deps:
    return Deps(
        sessions=sessions, clock=clock, settings=Settings(public_url="https://molva.example"), rest=NoNetwork(),
        oauth=NoNetwork(), mailer=NoNetwork(), signer=KeySigner(("a-test-key",)), dice=SecretDice(),
    )  # fmt: skip


def field_map() -> dict[str, Any]:
    """Fields as a set-up portal has them; every kind of card has its own ids (bitrix24.md 8.4)."""
    found: dict[str, Any] = {}
    for offset, kind in enumerate(("lead", "deal", "company", "contact"), start=1):
        codes: dict[str, Any] = {}
        lists = {"UF_CRM_MOLVA_REFERRAL_SOURCE": REFERRAL_SOURCES} | ({} if kind == "lead" else SCORE_LISTS)
        number = offset * 1000
        for code, values in lists.items():
            codes[code] = {"id": number, "type": "enumeration", "items": {}}
            for value in values:
                number += 1
                codes[code]["items"][value] = str(number)
        for code in (
            "UF_CRM_MOLVA_REFERRER",
            "UF_CRM_MOLVA_REFERRAL_DATE",
            *(() if kind == "lead" else SCORE_PLAIN),
        ):
            codes[code] = {"id": number, "type": "string", "items": {}}
        if kind == "contact":
            codes["UF_CRM_MOLVA_OPT_OUT"] = {"id": number, "type": "boolean", "items": {}}
        found[kind] = codes
    return found


@dataclass
class World:
    """One client with two deals, its people and their invitations; tokens by contact id."""

    deps: Deps
    clock: HandClock
    portal: Portal
    wave_id: int
    tokens: dict[int, str]
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def token(self) -> str:
        return next(iter(self.tokens.values()))

    def human(self, score: int, comment: str = "", token: str = "", **more: Any) -> AnswerResult:
        """What a person with a browser does: open, touch, choose, write, send."""
        token = token or self.token
        page = survey.page(self.deps, token)
        self.clock.advance(seconds=5)
        proof = survey.prove(self.deps, token, page.nonce, TOUCH, user_agent=BROWSER) or ""
        return self.post(score, comment, token=token, proof=proof, **more)

    def post(
        self, score: int | None, comment: str = "", token: str = "", proof: str = "", **more: Any
    ) -> AnswerResult:
        form = {"comment": comment} if score is None else {"score": str(score), "comment": comment}
        return survey.answer(
            self.deps, token or self.token, form, proof=proof, **{"user_agent": BROWSER, **more}
        )

    def rows(self, table: type[Any], **equal: Any) -> list[Any]:
        with transaction(self.deps.sessions) as session:
            return list(
                session.scalars(select(table).filter_by(portal_id=self.portal.id, **equal).order_by(table.id))
            )

    def rows_by_portal(self, table: type[Any]) -> list[Any]:
        """Rows of a table without an id of its own."""
        with transaction(self.deps.sessions) as session:
            return list(session.scalars(select(table).filter_by(portal_id=self.portal.id)))

    def all_outbox(self) -> list[OutboxRow]:
        return self.rows(OutboxRow)

    def response(self) -> Response | None:
        return next(iter(self.rows(Response)), None)

    def revisions(self) -> list[ResponseRevision]:
        return self.rows(ResponseRevision)

    def outbox(self, purpose: str) -> list[OutboxRow]:
        return self.rows(OutboxRow, purpose=purpose)

    def written(self, lane: str, purpose: str = "score") -> list[dict[str, Any]]:
        """Fields of the updates queued for a card, oldest first."""
        return [Call.from_json(row.call).params["fields"] for row in self.outbox(purpose) if row.lane == lane]

    def followups(self) -> list[FollowUp]:
        return self.rows(FollowUp)

    def letters(self) -> list[LetterRow]:
        return self.rows(LetterRow)

    def invitation(self, contact_id: int = 0) -> Invitation:
        wanted = contact_id or next(iter(self.tokens))
        return next(row for row in self.rows(Invitation) if row.contact_id == wanted)

    def policy(self, **changes: Any) -> None:
        """New settings, counted from now on."""
        with transaction(self.deps.sessions) as session:
            version = len(session.scalars(select(PolicyRow)).all()) + 1
            body, now = BASE_POLICY | changes, self.clock.now()
            session.add(PolicyRow(portal_id=self.portal.id, version=version, body=body, saved_at=now))
            wave = session.get_one(Wave, self.wave_id)
            wave.policy_version = version

    def set(self, table: type[Any], key: Any, **values: Any) -> None:
        with transaction(self.deps.sessions) as session:
            row = session.get_one(table, key)
            for name, value in values.items():
                setattr(row, name, value)


BASE_POLICY: dict[str, Any] = {
    "head_user_id": HEAD, "director_by_city": {"Kazan": DIRECTOR}, "default_owner": DIRECTOR, "country": "",
}  # fmt: skip


def make_world(
    sessions: Sessions,
    clock: HandClock,
    *,
    people: Sequence[tuple[int, str]] = ((7, "decides"),),
    client_kind: str = "company",
    language: str = "en",
    tag: str = "",
) -> World:
    """Portal 1, company 12 (or contact 7 alone), deals 351 and 352, staff with a head and a director."""
    with transaction(sessions) as session:
        portal = a_portal(
            member_id=f"m-{tag}", language=language, time_zone="Europe/Moscow", fields=field_map()
        )
        session.add(portal)
        session.flush()
        pid = portal.id
        session.add(PolicyRow(portal_id=pid, version=1, body=BASE_POLICY, saved_at=clock.now()))
        for user, name in ((HEAD, "Ada Head"), (DIRECTOR, "Boris Director"), (MANAGER, "Clara Manager")):
            first, last = name.split()
            session.add(Staff(portal_id=pid, user_id=user, name=first, last_name=last, departments=[1]))
        session.add(Department(portal_id=pid, department_id=1, name="All", head_user_id=HEAD))
        session.add(
            Stage(portal_id=pid, stage_id="C9:NEW", category_id=9, category_name="Support", name="New")
        )
        session.add(Company(portal_id=pid, id=1, title="Our Agency", own=True))
        company = client_kind == "company"
        if company:
            session.add(Company(portal_id=pid, id=12, title="ACME"))
        client_id = 12 if company else people[0][0]
        for deal in (351, 352):
            session.add(
                Deal(portal_id=pid, id=deal, title=f"Deal {deal}", category_id=9, stage_id="C9:NEW",
                     company_id=12 if company else None, contact_id=people[0][0], client_kind=client_kind,
                     client_id=client_id, contact_ids=[contact for contact, _ in people])
            )  # fmt: skip
        wave = Wave(
            portal_id=pid, name="2026", stage="mailing", policy_version=1, plan={}, planned_at=clock.now(),
            approved_by="Ada Head",
        )  # fmt: skip
        session.add(wave)
        session.flush()
        listed = WaveClient(
            portal_id=pid, wave_id=wave.id, client_kind=client_kind, client_id=client_id, name="ACME", city="Kazan",
            eligible=True, deal_id=351, deal_ids=[352], manager_id=MANAGER,
        )  # fmt: skip
        session.add(listed)
        session.flush()
        tokens: dict[int, str] = {}
        for contact, role in people:
            session.add(
                Contact(
                    portal_id=pid, id=contact, name=f"Person{contact}", company_id=12 if company else None
                )
            )
            if company:
                session.add(ContactCompany(portal_id=pid, contact_id=contact, company_id=12))
            tokens[contact] = f"token-of-{contact}{tag}"
            session.add(
                Invitation(portal_id=pid, wave_id=wave.id, wave_client_id=listed.id, contact_id=contact,
                           name=f"Person{contact} Example", address=f"p{contact}@example.com", role=role,
                           language=language, token=tokens[contact], due_at=clock.now() + timedelta(days=4))
            )  # fmt: skip
        wave_id = wave.id
    return World(make_deps(sessions, clock), clock, portal, wave_id, tokens)


def a_letter(world: World, invitation: Invitation, kind: str = "reminder") -> None:
    """A letter that waits to leave."""
    with transaction(world.deps.sessions) as session:
        session.add(
            LetterRow(portal_id=world.portal.id, lane=invitation.address, status="waiting", due_at=world.clock.now(),
                      created_at=world.clock.now(), key=f"{kind}:{invitation.id}", kind=kind, wave_id=world.wave_id,
                      invitation_id=invitation.id, sender_name="Ada", sender_address="ada@example.com",
                      recipient_address=invitation.address, subject="s", body_text="t", body_html="h",
                      message_id=f"{kind}-{invitation.id}@example.com")
        )  # fmt: skip
