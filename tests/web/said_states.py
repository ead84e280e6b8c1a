"""A survey whose clients named colleagues and wrote past their manager, for tests and pictures of those pages."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from integration.services.frames import Viewer
from integration.store.base import transaction
from integration.store.clients import Contact, ContactCompany
from integration.store.colleagues import Colleague
from integration.store.direct_lines import DirectLink, DirectMessage
from integration.store.waves import Invitation
from tests.services.report_world import LONG, MARKUP, beat, viewer
from tests.services.wave_world import World
from tests.web import reply_world

FAR = "Марина Сергеевна из бухгалтерии, та, что подписывает акты и просит счета до пятого числа"


def said(world: World) -> Viewer:
    """Proposals in every state, and messages that wait, that nobody could own, and one put aside."""
    beat(world)
    reply_world.survey(world, approved_by="Пётр Сом (1)")
    now = world.clock.now()
    with transaction(world.deps.sessions) as session:
        for number, name in ((190, "Борис"), (191, LONG)):
            session.add(Contact(portal_id=world.portal_id, id=number, name=name, opted_out=number == 191))
            session.add(ContactCompany(portal_id=world.portal_id, contact_id=number, company_id=1))
        asked = list(session.scalars(select(Invitation).order_by(Invitation.id)))
        for number, (name, reach, status) in enumerate(
            (("Борис Бук", "boris@client.example.com", "new"), (FAR, FAR, "new"), (MARKUP, MARKUP, "dismissed"),
             ("Анна", "+380 44 000 00 00", "asked"))
        ):  # fmt: skip
            session.add(
                Colleague(
                    portal_id=world.portal_id, invitation_id=asked[number].id, name=name[:200], reach=reach[:255],
                    words="Он отвечает за сайт.", status=status, said_at=now - timedelta(hours=number),
                    settled_by="" if status == "new" else "Пётр Сом (1)",
                    settled_at=None if status == "new" else now,
                )
            )  # fmt: skip
        link = DirectLink(
            portal_id=world.portal_id, client_kind="company", client_id=1, token="t-direct", made_at=now
        )
        session.add(link)
        session.flush()
        for words, status, reason in (
            ("Отчётов нет уже два месяца, менеджер не отвечает.\nПозвоните, пожалуйста.", "held", "no_script"),
            (MARKUP, "new", ""), (LONG, "dropped", "scanner"),
        ):  # fmt: skip
            session.add(
                DirectMessage(
                    portal_id=world.portal_id, link_id=link.id, words=words, status=status, held_reason=reason,
                    person="Анна", back="+7 900 000-00-00", said_at=now,
                )
            )  # fmt: skip
    return viewer(world, administrator=True)
