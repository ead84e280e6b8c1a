"""One person on several cards (product.md E3)."""

from __future__ import annotations

from datetime import date

import pytest

from integration.nps.addresses import email_key, is_shared, phone_key
from integration.nps.identity import join, same_person
from integration.nps.people import CardKey, ClientKey, Person

SHARED = ("info", "sales")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+7 (495) 123-45-67", "8 495 1234567"),
        ("0038 044 123 45 67", "+38 (044) 123-45-67"),
        ("1234567", "123-45-67"),
    ],
)
def test_phones_are_compared_by_their_last_digits(one: str, other: str) -> None:
    """Prefixes and punctuation differ between cards."""
    assert phone_key(one) == phone_key(other) != ""


def test_short_numbers_are_nobodys() -> None:
    """An extension or a typing error joins nobody."""
    assert phone_key("112") == phone_key("") == phone_key("no phone") == ""


def test_shared_mailboxes_are_known_by_their_name() -> None:
    """Whatever the case or the tag."""
    assert is_shared(" Info+x@Example.com ", SHARED)
    assert not is_shared("informal@example.com", SHARED)
    assert email_key(" A@B.example ") == "a@b.example"


def test_the_strictest_facts_hold_for_all_cards_of_a_person() -> None:
    """Joined over a chain: card 1 and 2 share a phone, 2 and 3 an address."""
    people = [
        Person(1, phones=("+7 495 1234567",), opted_out=True),
        Person(2, phones=("84951234567",), emails=("X@example.com",), last_asked_on=date(2026, 1, 1)),
        Person(3, emails=("x@example.com",), hold_until=date(2026, 2, 2), last_asked_on=date(2025, 1, 1)),
        Person(4, emails=("y@example.com",)),
    ]
    joined = join(people, SHARED)
    for contact in (1, 2, 3):
        assert joined[contact].opted_out
        assert joined[contact].last_asked_on == date(2026, 1, 1)
        assert joined[contact].hold_until == date(2026, 2, 2)
        assert joined[contact].emails == people[contact - 1].emails
    assert joined[4] == people[3]


def test_a_shared_mailbox_makes_nobody_the_same_person() -> None:
    """Two colleagues behind info@ are two persons; so are cards without any address."""
    people = [
        Person(1, emails=("info@example.com",)),
        Person(2, emails=("info@example.com",)),
        Person(3),
        Person(4),
    ]
    assert len(same_person(people, SHARED)) == 4


def test_client_keys_are_written_and_read() -> None:
    """And nothing else is taken for one."""
    for key in (ClientKey("company", 7), ClientKey("contact", 12)):
        assert ClientKey.parse(str(key)) == key
    for wrong in ("deal:1", "company:x", "", "company"):
        with pytest.raises(ValueError, match=r"not a client key|invalid literal"):
            ClientKey.parse(wrong)
    assert CardKey("deal", 3) == ("deal", 3)
