"""What a slice of a wave's people gives, put down together: a few statements for hundreds of them.

Letters and links are rows of queues with unique keys, so a slice that is done once more puts nothing down twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.nps import projects
from integration.services import letters
from integration.services.deps import Deps
from integration.services.letter_drafts import Draft, Scene
from integration.services.waves_cards import cleared_url_row, survey_url_row
from integration.store import wave_queries
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.queue import put_all
from integration.store.waves import Invitation


@dataclass(slots=True)
class Slice:
    """Letters written, links for the cards, and the people whose letters that wait are useless now."""

    deps: Deps
    stage: Scene
    now: datetime
    letters: list[dict[str, Any]] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)

    def letter(self, draft: Draft) -> None:
        """One letter as finished text. Raises `integration.mail.render.MissingFact`."""
        self.letters.append(letters.letter_row(self.deps, draft, self.now))

    def link(self, invitation: Invitation) -> None:
        """The personal link into the card, so that people and robots can pass it on (product.md W19).

        The card's field belongs to the yearly survey; one after a project leaves it alone (W16).
        """
        if self.stage.wave.kind == projects.KIND:
            return
        url = letters.survey_url(self.deps, invitation.token)
        self.links.append(survey_url_row(self.stage.portal, invitation, url, self.now))

    def over(self, invitation: Invitation) -> None:
        """The wave is over: the link is taken out of the card, if it was ever put there."""
        if "invitation" in invitation.touches and self.stage.wave.kind != projects.KIND:
            self.links.append(cleared_url_row(self.stage.portal, invitation, self.now))

    def put_down(self, session: Session) -> None:
        """Everything into the queues, in the caller's transaction."""
        wave = self.stage.wave
        put_all(session, LetterRow, self.letters, portal_id=wave.portal_id)
        put_all(session, OutboxRow, self.links, portal_id=wave.portal_id)
        if self.ended:
            wave_queries.cancel_waiting_letters(session, wave.portal_id, wave.id, self.now, self.ended)
