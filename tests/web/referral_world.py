"""An agency whose clients recommend it, written straight into the tables, for the pages about referrals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from integration.nps.ladder import STEPS
from integration.store.base import transaction
from integration.store.clients import Company, Contact, Deal, Lead
from integration.store.portals import Portal
from integration.store.referral_rows import Referral, ReferralClaim, ReferralThanks
from tests.services import report_world
from tests.services.report_world import LONG, MARKUP, Client
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, World

OTHER = 8  # another account manager
NAMES = (
    "Север-Строй", "Медиа Плюс", "Клиника «Радуга»", "Логос", "ТехноПарк", "Фабрика вкуса", "Юнион Групп", "Авангард",
    "Дом книги", "Белый кит", "Норд Логистик", "Студия «Окно»", "Арт-Мебель", "Эко Ферма", "Городские окна", "Парус",
)  # fmt: skip
CITIES = ("Казань", "Пермь", "казань ", "")


def portal_of(world: Any) -> int:
    """The portal of a world of waves, or of one of answers."""
    return int(world.portal_id if hasattr(world, "portal_id") else world.portal.id)


def company(
    world: Any, number: int, title: str = "", won: Mapping[str, int] | None = None, **card: Any
) -> None:
    """A company with deals won on days (ISO) for so much."""
    values = {"title": title or NAMES[number % len(NAMES)], "assigned_by": MANAGER, "city": CITIES[0], **card}
    with transaction(world.deps.sessions) as session:
        session.add(Company(portal_id=portal_of(world), id=number, **values))
        for place, (day, amount) in enumerate((won or {}).items()):
            when = date.fromisoformat(day)
            session.add(
                Deal(
                    portal_id=portal_of(world), id=number * 100 + place, title=f"Сайт и реклама {number}",
                    category_id=9,
                    stage_id="C9:WON", semantics="S", client_kind="company", client_id=number, company_id=number,
                    assigned_by=values["assigned_by"], amount=amount, currency="RUB", begin_on=when, close_on=when,
                    won_at=datetime(when.year, when.month, when.day, 9, tzinfo=UTC),
                )
            )  # fmt: skip


def referral(
    world: Any, newcomer: str, referrer: str = "", *, on: date = date(2025, 3, 1), step: str = "named",
    thanks: str = "", **columns: Any,
) -> int:  # fmt: skip
    """A row: who came ("company:5") through whom, how far; `thanks`: status of the occasion at its step."""
    kind, number = newcomer.split(":")
    by, who = referrer.split(":") if referrer else ("", "0")
    days = {one: (on + timedelta(days=20 * place)).isoformat() for place, one in enumerate(STEPS)}
    values: dict[str, Any] = {
        "newcomer_kind": kind, "newcomer_id": int(number), "source": "client", "named_kind": by, "named_id": int(who),
        "referrer_kind": by, "referrer_id": int(who), "claimed_on": on, "via_kind": kind, "via_id": int(number),
        "step": step, "steps": {one: days[one] for one in STEPS[: STEPS.index(step) + 1]},
        "found_at": world.clock.now(), "changed_at": world.clock.now(),
    }  # fmt: skip
    with transaction(world.deps.sessions) as session:
        row = Referral(portal_id=portal_of(world), **values | columns)
        session.add(row)
        session.flush()
        if thanks:
            said = thanks == "thanked"
            session.add(
                ReferralThanks(
                    portal_id=portal_of(world), referral_id=row.id, step=step, referrer_kind=by, referrer_id=int(who),
                    since=date.fromisoformat(days[step]), status=thanks, owner_id=MANAGER, task_id=None if said else 71,
                    thanked_by="Пётр Сом (1)" if said else "", thanked_at=world.clock.now() if said else None,
                    opened_at=world.clock.now(),
                )
            )  # fmt: skip
        return row.id


def claims(world: Any, newcomer: str, said: Iterable[tuple[str, str, date]]) -> None:
    """What cards say: (card, referrer, day)."""
    kind, number = newcomer.split(":")
    with transaction(world.deps.sessions) as session:
        for card, referrer, day in said:
            by, who = referrer.split(":")
            on, card_id = card.split(":")
            session.add(
                ReferralClaim(
                    portal_id=portal_of(world), card_kind=on, card_id=int(card_id), newcomer_kind=kind,
                    newcomer_id=int(number), source="client", referrer_kind=by, referrer_id=int(who), claimed_on=day,
                    seen_at=world.clock.now(),
                )
            )  # fmt: skip


def agency(world: World) -> World:
    """Two years of recommendations: a tree three deep, thanks due, rewards, every kind of problem; surveys."""
    report_world.busy(world)
    now = world.clock.now()
    world.set(Portal, portal_of(world), first_run_at=now, currency="RUB")
    report_world.hire(world, OTHER)
    for number in range(501, 517):
        bought = {f"{2023 + number % 3}-0{1 + number % 8}-1{number % 9}": 90_000 + 37_000 * (number % 7)}
        if number % 2:
            bought[f"2025-0{1 + number % 9}-05"] = 140_000
        company(
            world, number, {503: LONG, 505: MARKUP}.get(number, ""), bought,
            city=CITIES[number % 4], assigned_by=OTHER if number % 5 == 0 else MANAGER,
        )  # fmt: skip
    chains = ((502, 501), (503, 501), (504, 502), (505, 504), (506, 501), (508, 507), (509, 507))
    steps = ("year", "paid", "won", "in_talks", "introduced", "named", "paid")
    for place, (newcomer, referrer) in enumerate(chains):
        referral(
            world, f"company:{newcomer}", f"company:{referrer}", step=steps[place],
            on=date(2024 + (place + 1) // 4, 1 + place, 3 + place),
            thanks="thanked" if place == 0 else "open" if place in (1, 2, 6) else "",
            reward=("given", "promised", "", "none")[place % 4], reward_note="Скидка 10 %" if place == 1 else "",
            reward_who="Пётр Сом (1)" if place % 4 != 2 else "", reward_at=now if place % 4 != 2 else None,
        )  # fmt: skip
    with transaction(world.deps.sessions) as session:
        session.add(
            Lead(
                portal_id=portal_of(world),
                id=90,
                title="Заявка с сайта: нужен новый сайт",
                assigned_by=MANAGER,
            )
        )
        session.add(
            Contact(portal_id=portal_of(world), id=91, name="Мария", last_name="Ли", assigned_by=MANAGER)
        )
    referral(world, "lead:90", "contact:91", on=date(2026, 1, 8), source="partner")
    referral(
        world, "company:510", "company:511", on=date(2025, 2, 2), step="in_talks", lost_on=date(2025, 5, 5)
    )
    _problems(world)
    score = {501: 10, 507: 7, 512: 9, 513: 10, 514: 6}
    report_world.tell(
        world, "Осень 2025", [Client(n, (("decides", s),), name=NAMES[n % len(NAMES)]) for n, s in score.items()],
        stage="closed", start=date(2025, 9, 1), closed_at=datetime(2025, 9, 20, tzinfo=UTC),
    )  # fmt: skip
    return world


def _problems(world: Any) -> None:
    referral(world, "company:512", on=date(2025, 11, 1), rivals=0)
    ring = ["company:514", "company:515", "company:513"]
    referral(world, "company:513", "company:514", problem="cycle", chain=ring)
    referral(world, "company:514", "company:515")
    referral(world, "company:515", "company:513")
    referral(world, "company:516", "company:999", problem="removed")
    row = referral(world, "company:511", "company:507", rivals=1, on=date(2025, 6, 1))
    claims(
        world, "company:511",
        [("company:511", "company:507", date(2025, 6, 1)), ("deal:51100", "company:512", date(2025, 7, 1))],
    )  # fmt: skip
    assert row


def chain(world: Any, length: int = 50) -> None:
    """Everybody brought the next one."""
    for number in range(700, 700 + length + 1):
        company(world, number, f"Звено {number - 700}")
    for number in range(701, 700 + length + 1):
        referral(world, f"company:{number}", f"company:{number - 1}", step="won", on=date(2025, 1, 1))


def crowd(world: Any, many: int) -> None:
    """So many referrals, ten through each referrer."""
    with transaction(world.deps.sessions) as session:
        pid, now = portal_of(world), world.clock.now()
        session.add_all(
            Company(
                portal_id=pid, id=10_000 + n, title=f"Клиент {n}", assigned_by=MANAGER, city=CITIES[n % 2]
            )
            for n in range(many + many // 10 + 1)
        )
        session.add_all(
            Referral(
                portal_id=pid, newcomer_kind="company", newcomer_id=10_000 + n, source="client", named_kind="company",
                named_id=10_000 + many + n // 10, referrer_kind="company", referrer_id=10_000 + many + n // 10,
                claimed_on=date(2024, 1, 1) + timedelta(days=n % 700), step=STEPS[n % 6], steps={"named": "2024-01-01"},
                found_at=now, changed_at=now,
            )
            for n in range(many)
        )  # fmt: skip


__all__ = [
    "DIRECTOR",
    "HEAD",
    "MANAGER",
    "OTHER",
    "agency",
    "chain",
    "claims",
    "company",
    "crowd",
    "referral",
]
