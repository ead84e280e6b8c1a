"""The agency's clients as people: who answers when and how, who stays silent, whose mail is scanned.

What somebody does hangs on the seed and the address alone, never on the order in which letters come, so
that a year with killed processes is lived as the year without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Literal
from urllib.parse import urlsplit

from integration.bitrix.sandbox.story_names import words_for

from .browser import QUIET_SCANNER, SCANNER, Browser, Form, Page
from .letters import Letter

Habit = Literal[
    "prompt",
    "twice",
    "no_script",
    "corrects",
    "scanned",
    "scanned_silent",
    "silent",
    "late",
    "very_late",
    "unsubscribes",
    "one_click",
    "postpones",
]
#: One round of habits; addresses take them in a shuffled order, so that all occur in a town of 25 people.
QUOTA: tuple[Habit, ...] = (
    "prompt", "corrects", "no_script", "scanned", "late", "silent", "prompt", "unsubscribes", "prompt",
    "very_late", "prompt", "scanned_silent", "prompt", "twice", "postpones", "prompt", "corrects", "prompt",
    "scanned", "silent", "prompt", "no_script", "one_click", "prompt", "late",
)  # fmt: skip
SCORES = (10, 9, 10, 9, 8, 7, 9, 6, 10, 3, 8, 9, 5, 0, 7, 10, 4, 9)
#: After which asking letter a habit moves; 0: never.
_LETTER = {"silent": 0, "scanned_silent": 1, "late": 2, "very_late": 3}

DeedKind = Literal[
    "answered", "corrected", "opted_out", "postponed", "scanned", "left_open", "called", "refused", "asked_mail",
    "not_now",
]  # fmt: skip


@dataclass(frozen=True)
class Deed:
    """Something a person (or their mail scanner) did. ``at``: virtual time, UTC, when it took effect.

    ``address``: by which the person is known, a number for those without an address. ``called``: somebody rang, and
    ``comment`` is what came of it.
    """

    address: str
    kind: DeedKind
    at: datetime
    score: int = -1
    comment: str = ""
    channel: str = "email"


@dataclass(frozen=True)
class Person:
    """One reader of letters. ``delay``: hours between a letter and the deed."""

    address: str
    language: str
    habit: Habit
    score: int
    comment: str
    second_score: int
    second_comment: str
    delay: int

    @property
    def moves_on(self) -> int:
        """The number of the asking letter after which this person does something; 0: never."""
        return _LETTER.get(self.habit, 1)


def town(seed: int, languages: dict[str, str]) -> dict[str, Person]:
    """Everybody who could get a letter, by address."""
    addresses = sorted(languages)
    Random(f"{seed}:town").shuffle(addresses)
    return {
        address: _person(seed, address, languages[address], QUOTA[place % len(QUOTA)])
        for place, address in enumerate(addresses)
    }


def _person(seed: int, address: str, language: str, habit: Habit) -> Person:
    rng = Random(f"{seed}:{address}")
    score, second = rng.choice(SCORES), rng.choice(SCORES)
    return Person(
        address=address,
        language=language,
        habit=habit,
        score=score,
        comment=rng.choice((words_for(rng, language, score),) * 4 + ("",)),
        second_score=second,
        second_comment=words_for(rng, language, second),
        delay=rng.choice((1, 2, 3, 5, 7, 20, 26, 30, 48)),
    )


#: A deed under way: yields seconds to wait until the person goes on.
Script = Iterator[float]


@dataclass
class Life:
    """One person in the year. ``asked``: asking letters received so far; ``now`` tells virtual time."""

    person: Person
    now: Callable[[], datetime]
    diary: list[Deed]
    asked: int = 0
    done: bool = False
    browser: Browser = field(default_factory=Browser)

    def receive(self, letter: Letter) -> list[tuple[datetime, Script]]:
        """What this person will do because of a letter, and when it begins."""
        if not letter.asks:
            return []
        self.asked += 1
        if self.asked < self.person.moves_on or self.done or not self.person.moves_on:
            return []
        if self.person.habit == "postpones" and self.asked == 1:
            return [(self._later(letter), self._postpone(letter))]
        self.done = True
        plans = [(self._later(letter), self._main(letter))]
        if self.person.habit in ("scanned", "scanned_silent"):
            plans.insert(0, (letter.at + timedelta(minutes=2), self._scan(letter)))
        if self.person.habit == "scanned_silent":
            plans.pop()
        return plans

    def _later(self, letter: Letter) -> datetime:
        return letter.at + timedelta(hours=self.person.delay, minutes=30)

    def _main(self, letter: Letter) -> Script:
        match self.person.habit:
            case "no_script":
                return self._without_script(letter)
            case "corrects":
                return self._correct(letter)
            case "unsubscribes":
                return self._unsubscribe(letter)
            case "one_click":
                return self._one_click(letter)
            case _:
                return self._answer(letter)

    def _answer(self, letter: Letter) -> Script:
        """Presses a button of the letter, looks, chooses, writes, sends."""
        page = self.browser.open(_link(letter, self.person.score))
        form = page.form
        yield 20
        proof = self.browser.touch(page, form)
        yield 15
        body = {"score": str(self.person.score), "comment": typed(self.person.comment), "proof": proof}
        self.browser.submit(page, form, **body)
        self._note("answered", self.person.score, self.person.comment)
        if self.person.habit == "twice":
            self.browser.submit(page, form, **body)
        if self.person.habit == "scanned":
            Browser(SCANNER).submit(page, form, **body)
            Browser(QUIET_SCANNER).submit(page, form, score="0", comment="", proof=proof)

    def _without_script(self, letter: Letter) -> Script:
        """The page has no script here: the answer is held until the score is chosen once more."""
        page = self.browser.open(_link(letter, self.person.score))
        yield 25
        again = self.browser.submit(
            page, page.form, score=str(self.person.score), comment=typed(self.person.comment)
        )
        yield 30
        self.browser.submit(again, again.form, score=str(self.person.score))
        self._note("answered", self.person.score, self.person.comment)

    def _correct(self, letter: Letter) -> Script:
        """Answers, thinks it over for two days, comes back."""
        yield from self._answer(letter)
        yield 47 * 3600
        page = self.browser.open(_link(letter, self.person.score).split("?")[0])
        form = page.form
        yield 20
        proof = self.browser.touch(page, form, "keydown")
        yield 15
        score, comment = self.person.second_score, self.person.second_comment
        self.browser.submit(page, form, score=str(score), comment=typed(comment), proof=proof)
        self._note("corrected", score, comment)

    def _postpone(self, letter: Letter) -> Script:
        """Not a good moment."""
        page = self.browser.open(_link(letter, self.person.score).split("?")[0] + "/later")
        yield 20
        yield from self._decide(page)
        self._note("postponed")

    def _unsubscribe(self, letter: Letter) -> Script:
        """Never again, by the link in the letter."""
        page = self.browser.open(letter.unsubscribe)
        yield 20
        yield from self._decide(page)
        self._note("opted_out")

    def _decide(self, page: Page) -> Script:
        form = page.form
        proof = self.browser.touch(page, form)
        yield 10
        self.browser.submit(page, form, proof=proof)

    def _one_click(self, letter: Letter) -> Script:
        """Never again, by the button of the mail program (RFC 8058)."""
        if letter.one_click:
            Browser("MailProgram/1.0").post(letter.unsubscribe, {"List-Unsubscribe": "One-Click"})
        self._note("opted_out")
        yield from ()

    def _scan(self, letter: Letter) -> Script:
        """A gateway looks at every link, runs nothing a person would do, posts every form it finds."""
        loud, quiet = Browser(SCANNER), Browser(QUIET_SCANNER)
        for link in _ours(letter)[:14]:
            loud.glance(link)
        links = [*list(letter.scores.values())[:3], letter.unsubscribe]
        pages = [quiet.open(link) for link in links if link]
        yield 5
        for page in pages:
            for form in page.forms:
                quiet.submit(page, form)
        if letter.unsubscribe:
            quiet.post(letter.unsubscribe, {})
        self._note("scanned")

    def _note(self, kind: DeedKind, score: int = -1, comment: str = "") -> None:
        self.diary.append(Deed(self.person.address, kind, self.now(), score, comment))


def _ours(letter: Letter) -> list[str]:
    """Links to the survey's own address: names of clients may hold others, and nobody leaves this machine."""
    home = urlsplit(next(iter(letter.scores.values()))).netloc
    return [link for link in letter.links if urlsplit(link).netloc == home]


def typed(comment: str) -> str:
    """What a browser sends for the words in a text area."""
    return comment.replace("\n", "\r\n")


def _link(letter: Letter, score: int) -> str:
    return letter.scores.get(score) or next(iter(letter.scores.values()))


def answers(deeds: Iterable[Deed]) -> dict[str, Deed]:
    """What each person finally said, by address."""
    return {deed.address: deed for deed in deeds if deed.kind in ("answered", "corrected")}


__all__ = ["Deed", "Form", "Life", "Person", "answers", "town", "typed"]
