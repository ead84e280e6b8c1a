"""The agency's clients, one function for each kind of relation that the survey has to tell apart.

Every function makes one client (twins: two) and names its kind in ``Cast.kinds`` under ``company:5`` or
``contact:7``; tests compare the kind with what the rules say about the card.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from .story_cards import SALES, SERVICE, PersonSpec, Step, at
from .story_cast import IMPORT_DAY, Cast, service, won
from .story_staff import CITIES, SELLERS, managers_of


def retainer(cast: Cast) -> None:
    """Sold years ago, served ever since."""
    firm = cast.firm()
    people = [cast.employee(firm)]
    day = cast.day(300, 1100)
    won(cast, firm, people, day)
    service(cast, firm, people, day + timedelta(days=7))
    cast.call(firm, "eligible")


def retainer_two(cast: Cast) -> None:
    """Two services at once: the score goes to both."""
    firm = cast.firm()
    people = [cast.employee(firm)]
    day = cast.day(500, 1100)
    won(cast, firm, people, day)
    service(cast, firm, people, day + timedelta(days=7))
    service(cast, firm, people, day + timedelta(days=250))
    cast.call(firm, "eligible")


def project(cast: Cast) -> None:
    """A project that ended lately, no service; the close date was put a little after the day it was won."""
    firm = cast.firm()
    day = cast.day(5, 60)
    won(
        cast,
        firm,
        [cast.employee(firm)],
        day,
        close=day + timedelta(days=20),
        currency=cast.cards.rng.choice(("RUB", "USD", "EUR")),
    )
    cast.call(firm, "eligible")


def imported(cast: Cast) -> None:
    """Came with an import: one date for the whole batch, no stages before it, still served."""
    firm = cast.firm(imported=True)
    people = [cast.employee(firm)]
    life: list[Step] = [(at(IMPORT_DAY, 9), SERVICE, "WORK")]
    cast.cards.deal(f"Импорт: {firm.title}"[:200], firm.id, people, life, firm.manager, begin=IMPORT_DAY)
    cast.call(firm, "eligible")


def moved(cast: Cast) -> None:
    """One deal for everything: won in sales, then moved over to service."""
    firm = cast.firm()
    people = [cast.employee(firm)]
    day = cast.day(200, 900)
    life: list[Step] = [
        (at(day - timedelta(days=30)), SALES, "NEW"),
        (at(day), SALES, "WON"),
        (at(day + timedelta(days=2), 14), SERVICE, "NEW"),
        (at(day + timedelta(days=4), 14), SERVICE, "WORK"),
    ]
    cast.cards.deal(f"Сопровождение: {firm.title}"[:200], firm.id, people, life, firm.manager, begin=day)
    cast.call(firm, "eligible")


def crowd(cast: Cast) -> None:
    """Several people; their managers give them roles in the first weeks of the story."""
    firm = cast.firm()
    posts = ("Директор", "Маркетолог", "Бухгалтер", "Секретарь")
    people = [cast.employee(firm, post=post) for post in posts[: cast.cards.rng.randrange(2, 5)]]
    day = cast.day(400, 1000)
    won(cast, firm, people, day)
    service(cast, firm, people, day + timedelta(days=5))
    cast.call(firm, "eligible_roles")


def single(cast: Cast) -> None:
    """A person without a company."""
    rng = cast.cards.rng
    city = rng.choice(CITIES)
    manager = rng.choice(managers_of(city))
    cast.firms += 1
    spec = cast.cards.person(f"person{cast.firms}.example.com", rng.choice(("ru", "uk", "en")))
    day = cast.day(200, 900)
    number = cast.cards.contact(spec, None, manager, at(day), city)
    life: list[Step] = [(at(day), SERVICE, "NEW"), (at(day, 17), SERVICE, "WORK")]
    cast.cards.deal(f"Частный клиент {spec.named.last_name}", None, [number], life, manager, begin=day)
    cast.kinds[f"contact:{number}"] = "eligible"


def shared(cast: Cast) -> None:
    """Nobody but ``info@``."""
    firm = cast.firm()
    spec = cast.person(firm)
    box = f"info@{firm.domain}"
    cast.cards.languages[box] = firm.language
    people = [cast.employee(firm, PersonSpec(spec.named, (box,), ""))]
    service(cast, firm, people, cast.day(200, 900))
    cast.call(firm, "eligible_shared")


def shared_beside(cast: Cast) -> None:
    """``sales@`` on the first card, a person on the second: the person is asked."""
    firm = cast.firm()
    spec = cast.person(firm)
    box = PersonSpec(spec.named, (f"sales@{firm.domain}",), "")
    people = [cast.employee(firm, box), cast.employee(firm)]
    service(cast, firm, people, cast.day(200, 900))
    cast.call(firm, "eligible")


def twins(cast: Cast) -> None:
    """Two firms, one owner with the same address on both cards: asked once."""
    first, second = cast.firm(), cast.firm()
    owner = cast.person(first, "Владелец")
    for firm in (first, second):
        service(cast, firm, [cast.employee(firm, owner)], cast.day(200, 900))
    cast.call(first, "eligible")
    cast.call(second, "asked_recently")


def lapsed(cast: Cast) -> None:
    """The last project ended years ago."""
    firm = cast.firm()
    won(cast, firm, [cast.employee(firm)], cast.day(500, 1100))
    cast.call(firm, "not_current")


def ended(cast: Cast) -> None:
    """Served once, the service was lost."""
    firm = cast.firm()
    people = [cast.employee(firm)]
    day = cast.day(700, 1100)
    won(cast, firm, people, day)
    service(cast, firm, people, day + timedelta(days=3), "LOSE")
    cast.call(firm, "not_current")


def prospect(cast: Cast) -> None:
    """Still being sold to."""
    firm = cast.firm()
    day = cast.day(5, 100)
    life: list[Step] = [(at(day), SALES, "NEW"), (at(day, 18), SALES, "EXECUTING")]
    cast.cards.deal(f"Переговоры: {firm.title}"[:200], firm.id, [cast.employee(firm)], life, SELLERS[0])
    cast.call(firm, "not_current")


def refused(cast: Cast) -> None:
    """A sale that was lost."""
    firm = cast.firm()
    day = cast.day(50, 300)
    life: list[Step] = [(at(day), SALES, "NEW"), (at(day, 18), SALES, "APOLOGY")]
    cast.cards.deal(f"Отказ: {firm.title}"[:200], firm.id, [cast.employee(firm)], life, SELLERS[1])
    cast.call(firm, "not_current")


def trouble(cast: Cast) -> None:
    """Served, but the deal stands in the trouble stage."""
    firm = cast.firm()
    service(cast, firm, [cast.employee(firm)], cast.day(300, 900), "TROUBLE")
    cast.call(firm, "on_hold")


def nobody(cast: Cast) -> None:
    """A company without a single person."""
    firm = cast.firm()
    service(cast, firm, [], cast.day(300, 900))
    cast.call(firm, "no_respondent")


def mute(cast: Cast) -> None:
    """A person without any address or number."""
    firm = cast.firm()
    spec = cast.person(firm)
    service(cast, firm, [cast.employee(firm, PersonSpec(spec.named, ()))], cast.day(300, 900))
    cast.call(firm, "no_channel")


def by_phone(cast: Cast) -> None:
    """A person without an address, who can only be called."""
    firm = cast.firm()
    spec = cast.person(firm)
    service(cast, firm, [cast.employee(firm, PersonSpec(spec.named, (), spec.phone))], cast.day(300, 900))
    cast.call(firm, "by_phone")


def held(cast: Cast) -> None:
    """Served; a manager puts a hold on the company in summer."""
    _served(cast, "held")


def opted_out(cast: Cast) -> None:
    """Served; the person asked never to be asked again, a manager notes it on the contact."""
    _served(cast, "opted_out")


def closed_company(cast: Cast) -> None:
    """Served; the whole company is never to be asked."""
    _served(cast, "company_opted_out")


def hold_over(cast: Cast) -> None:
    """Served; the hold of last spring is over when the list is frozen."""
    _served(cast, "hold_over")


def _served(cast: Cast, kind: str) -> None:
    firm = cast.firm()
    service(cast, firm, [cast.employee(firm)], cast.day(300, 900))
    cast.call(firm, kind)


def returning(cast: Cast) -> None:
    """As ``lapsed``, but buys again in spring."""
    firm = cast.firm()
    won(cast, firm, [cast.employee(firm)], cast.day(500, 1100))
    cast.call(firm, "returning")


def leaving(cast: Cast) -> None:
    """Served for years; lost in spring."""
    _served(cast, "leaving")


def growing(cast: Cast) -> None:
    """Being sold to; buys in February and is moved over to service with the same deal."""
    firm = cast.firm()
    day = cast.day(3, 20)
    life: list[Step] = [(at(day), SALES, "NEW"), (at(day, 18), SALES, "EXECUTING")]
    cast.cards.deal(f"Переговоры: {firm.title}"[:200], firm.id, [cast.employee(firm)], life, SELLERS[0])
    cast.call(firm, "growing")


Maker = Callable[[Cast], None]

#: One of each, however small the story; ``twins`` counts twice.
ONCE: tuple[Maker, ...] = (
    retainer, crowd, project, single, retainer_two, shared, twins, lapsed, held, opted_out, nobody, mute, trouble,
    moved, imported, shared_beside, returning, leaving, growing, prospect, ended, refused, closed_company,
    hold_over, by_phone,
)  # fmt: skip
#: The rest of a large story, by weight.
OFTEN: tuple[tuple[Maker, int], ...] = (
    (retainer, 8), (project, 6), (crowd, 9), (single, 4), (retainer_two, 4), (moved, 3), (imported, 4), (shared, 1),
    (lapsed, 2), (prospect, 2), (ended, 1),
)  # fmt: skip


def bystanders(cast: Cast) -> None:
    """Cards that are no clients: the agency's own firm, a recurring template alone, people
    without deals, a firm whose only deal will be deleted."""
    own = cast.firm(own=True)
    won(cast, own, [cast.employee(own)], cast.day(30, 200))
    firm = cast.firm()
    people = [cast.employee(firm)]
    day = cast.day(100, 400)
    life: list[Step] = [(at(day), SERVICE, "NEW")]
    template = cast.cards.deal(
        f"Шаблон: {firm.title}"[:200], firm.id, people, life, firm.manager, isRecurring="Y"
    )
    cast.cards.agency.recurring.append({"ID": "1", "DEAL_ID": str(template), "BASED_ID": "0"})
    cast.cards.contact(
        cast.cards.person("visitor.example.com", "en"), None, SELLERS[0], at(cast.day(10, 300))
    )
    silent = cast.firm()
    cast.employee(silent)
    gone = cast.firm()
    life = [(at(day), SALES, "NEW")]
    cast.cards.deal("Удалят в мае", gone.id, [cast.employee(gone)], life, SELLERS[0])
    cast.call(gone, "vanishing")


def populate(cast: Cast, clients: int) -> None:
    """Makes exactly ``clients`` clients (at least the first two kinds of ``ONCE``), and the bystanders."""
    left = clients
    for maker in ONCE:
        if left >= (2 if maker is twins else 1):
            maker(cast)
            left -= 2 if maker is twins else 1
    makers = [maker for maker, _ in OFTEN]
    weights = [weight for _, weight in OFTEN]
    for maker in cast.cards.rng.choices(makers, weights, k=left):
        maker(cast)
    bystanders(cast)
