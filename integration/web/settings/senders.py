"""Settings: who signs, and where (product.md W5, W6)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response

from integration.current import deps
from integration.i18n import mark
from integration.nps.policy import Policy, PolicyProblem, Sender
from integration.nps.policy_checks import SIZES
from integration.services import mailboxes
from integration.services.frames import Viewer
from integration.services.waves_people import normal_email
from integration.web.forms.settings_people import SenderRow
from integration.web.settings import people, way_words
from integration.web.settings.problems import code_words
from integration.web.settings.sections import part, section
from integration.web.settings.sheet import Form, Raw, Sheet, Situation, look, respond

ROW = ("key", "person", "name", "position", "email", "phone", "cities", "gone")
CITY = "city:"  # what a button posts: the row of the person and the city, "city:0:Тверь"
OFFERED = 10  # cities proposed, those with the most clients first
_CARD = ("name", "position", "email", "phone")


def _filled(policy: Policy, here: Situation) -> Raw:
    by_key: dict[str, list[str]] = {}
    for city, key in policy.sender_by_city.items():
        by_key.setdefault(key, []).append(city)
    rows: list[Raw] = [
        asdict(sender)
        | {
            "person": people.shown(here.choices, sender.user_id), "gone": "",
            "cities": ", ".join(by_key.get(sender.key, ())),
        }
        for sender in policy.senders
    ]  # fmt: skip
    keys = [sender.key for sender in policy.senders]
    return {
        "rows": rows or [_blank()],
        "head": str(keys.index(policy.head_sender)) if policy.head_sender in keys else "",
        "default": str(keys.index(policy.default_sender)) if policy.default_sender in keys else "",
    }


def _blank() -> Raw:
    return dict.fromkeys(ROW, "")


def _typed(form: Form) -> Raw:
    rows: list[Raw] = []
    while len(rows) <= SIZES["senders"] and f"senders-{len(rows)}-name" in form:
        rows.append({name: form.get(f"senders-{len(rows)}-{name}", "") for name in ROW})
    do = "".join(form.getlist("do")[-1:])
    if do == "add":
        rows.append(_blank())
    if do.startswith(CITY):
        _add_city(rows, *do.removeprefix(CITY).partition(":")[::2])
    return {"rows": rows, "head": form.get("head", ""), "default": form.get("default", "")}


def _add_city(rows: list[Raw], place: str, city: str) -> None:
    """A city chosen among those of the clients goes to one person; without a script by a button of the form."""
    if place.isascii() and place.isdigit() and len(place) < 4 and int(place) < len(rows) and city.strip():
        row = rows[int(place)]
        row["cities"] = ", ".join([*filter(None, [row["cities"].strip(" ,")]), city.strip()])


def _read(raw: Raw, here: Situation) -> tuple[dict[str, Any], dict[str, str]]:
    """The people who sign, with the keys they have or get, and who signs what; rows left empty are no people."""
    found: dict[int, Sender] = {}
    cities: dict[str, str] = {}
    problems: dict[str, str] = {}
    for place, typed in enumerate(raw["rows"]):
        row, wrong = SenderRow().read(typed)
        problems |= {f"senders-{place}-{name}": code_words(code) for name, code in wrong.items()}
        if row.get("gone") or not any(str(typed[name]).strip() for name in ("person", *_CARD, "cities")):
            continue
        try:
            user = people.chosen(here.choices, row.get("person", ""))
        except ValueError:
            problems[f"senders-{place}-person"] = code_words("unread_person")
            continue
        sender = _from_card(row, user, here)
        found[place] = Sender(_key(row.get("key", ""), user, found, here), user, **sender)
        if sender["email"] and not normal_email(sender["email"]):
            problems[f"senders-{place}-email"] = code_words("bad_address")
        for city in row.get("cities", ()):
            if city.casefold() in (known.casefold() for known in cities):
                problems[f"senders-{place}-cities"] = code_words("twice_city", city=city)
            cities[city] = found[place].key
    raw["places"] = {sender.key: place for place, sender in found.items()}
    body = {
        "senders": [asdict(sender) for sender in found.values()],
        "sender_by_city": cities,
        "head_sender": _chosen(raw["head"], found),
        "default_sender": _chosen(raw["default"], found),
    }
    return body, problems


def _from_card(row: dict[str, Any], user: int | None, here: Situation) -> dict[str, str]:
    """What was typed; for somebody just chosen, with nothing typed, what the portal's card says."""
    typed = {name: str(row.get(name, "")) for name in _CARD}
    person = here.choices.employee(user)
    if person is None or any(typed.values()):
        return typed
    return {name: getattr(person, name) for name in _CARD}


def _key(key: str, user: int | None, found: dict[int, Sender], here: Situation) -> str:
    """The key of a known row; a new one gets the employee's, or the first free one."""
    taken = {sender.key for sender in found.values()}
    if key and key not in taken and any(sender.key == key for sender in here.policy.senders):
        return key
    taken |= {sender.key for sender in here.policy.senders}
    wanted = f"user-{user}" if user is not None else "own-1"
    if wanted not in taken:
        return wanted
    return next(f"own-{n}" for n in range(1, 1000) if f"own-{n}" not in taken)


def _chosen(place: str, found: dict[int, Sender]) -> str:
    sender = found.get(int(place)) if place.isascii() and place.isdigit() and len(place) < 4 else None
    return sender.key if sender else ""


def _place(problem: PolicyProblem, here: Situation) -> str:
    """A rule names the sender by key and the part that is wrong; the form has a field for each."""
    place = here.raw.get("places", {}).get(problem.params.get("sender"))
    if problem.field == "senders" and problem.params.get("user") is not None:
        users = {sender.key: sender.user_id for sender in here.wanted.senders}
        place = next(
            (p for key, p in here.raw.get("places", {}).items() if users.get(key) == problem.params["user"]),
            None,
        )
        return f"senders-{place}-person" if place is not None else "senders"
    if problem.field == "senders" and place is not None:
        what = {"sender_lacks": problem.params.get("what"), "bad_address": "email", "no_reply": "email"}
        return f"senders-{place}-{what.get(problem.code, 'name')}"
    return {"sender_by_city": "senders", "head_sender": "head", "default_sender": "default"}.get(
        problem.field, problem.field
    )


def _more(here: Situation) -> dict[str, Any]:
    named = [sender.user_id for sender in here.wanted.senders]
    cards = {
        (f"{one.name} ({one.user_id})" if people.large(here.choices) else str(one.user_id)): [
            one.name, one.position, one.email, one.phone,
        ]
        for one in here.choices.staff
        if one.active
    }  # fmt: skip
    dismissed = {one.user_id for one in here.choices.staff if not one.active}
    covered = {city.strip().casefold() for city in here.wanted.sender_by_city}
    ways = mailboxes.overview(deps(), here.who.portal_id)
    return {
        "ways": {key: (way_words.brief(box), *way_words.state(box)) for key, box in ways.items()},
        "picker": people.picker(here.choices, named),
        "cards": dict(list(cards.items())[: people.SUGGESTED]),
        "offered": [
            {"city": city, "count": count, "taken": city.strip().casefold() in covered}
            for city, count in here.choices.cities[:OFFERED]
        ],
        "dismissed": [people.shown(here.choices, user) for user in dismissed],
    }  # fmt: skip


SHEET = Sheet(
    "senders", ("senders", "sender_by_city", "default_sender", "head_sender"), _filled, _typed, _read,
    place=_place, more=_more,
)  # fmt: skip


@section(
    "senders",
    mark("Who signs"),
    mark("Every letter is signed by a living person whom the client can answer and call."),
    glyph="edit",
)
def show(who: Viewer) -> Response:
    """The page."""
    return respond(who, SHEET)


@part("senders", "live")
def live(who: Viewer) -> Response:
    """What would change."""
    return look(who, SHEET)
