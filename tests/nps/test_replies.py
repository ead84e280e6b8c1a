"""What an incoming e-mail is and which score it seems to give: by values, and by any text at all (product.md W18)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration.nps import replies
from integration.nps.replies import Letter
from integration.nps.reply_scores import proposed

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
SUBJECT = "Десять секунд о нашей работе"
SCORES = {
    "10": 10, "девять": 9, "Дев’ять, дякую": 9, "8 из 10": 8, "восемь из десяти": 8, "10 из 10!": 10, "9/10, great": 9,
    "8 out of 10": 8, "ten out of ten": 10, "на 7": 7, "на десятку": 10, "твёрдая девятка": 9, "Дев'ятка": 9,
    "9, спасибо": 9, "Добрый день!\n9\nСпасибо": 9, "работаете 24/7, ставлю 9": 9, "I'd give you 9": 9, "score: 6": 6,
    "Оценка - 10": 10, "моя оценка 7, спасибо": 7, "Оцінка 8": 8, "10 балів": 10, "7 баллов": 7, "Пять.": 5, "0": 0,
    "ноль": 0, "10!!!": 10, "Nine": 9, "9\u00a0из\u00a010": 9, "6 з 10": 6, "9 (девять)": 9,
    "Ставлю вам 8, потому что 24/7": 8,
}  # fmt: skip
NONE = (
    "", "24/7", "+7 912 345-67-89", "8 (912) 345-67-89", "10.12 встретимся", "10.12.2026", "8/10/2026", "в 9:30",
    "Ставлю 8-9", "7 или 8", "не 10", "not 9", "Мы работаем 5 лет", "10%", "100", "11", "8.5", "9-го июня", "9 июня",
    "Созвонимся на 10 минут", "встреча на 10:00", "1. Сайт\n2. Реклама", "8-10", "5 из 7 задач", "-5", "Спасибо!",
    "тысяч 10", "ул. Ленина, 9, офис 4",
)  # fmt: skip


def test_a_score_is_read_where_the_words_give_exactly_one() -> None:
    assert {text: proposed(text) for text in SCORES} == SCORES
    assert {text: proposed(text) for text in NONE} == dict.fromkeys(NONE)


@given(st.text(max_size=400))
@example("9" * 5000)
def test_any_text_gives_a_score_of_the_scale_or_none(text: str) -> None:
    assert proposed(text) is None or 0 <= (proposed(text) or 0) <= 10


@given(
    st.integers(0, 10),
    st.sampled_from(
        ("{n}", "{n}, спасибо!", "{n} из 10", "Ставлю {n}.", "Добрый день!\n{n}\nС уважением, Анна")
    ),
)
def test_a_plain_score_is_always_read(score: int, how: str) -> None:
    assert proposed(how.format(n=score)) == score


@given(st.dates(), st.sampled_from(("%d.%m.%Y", "%d/%m/%Y", "%Y-%m-%d")))
def test_a_date_is_never_a_score(day: object, how: str) -> None:
    assert proposed(f"Встречаемся {day:{how}} в офисе") is None
    assert proposed(f"{day:{how}}") is None


@given(st.from_regex(r"\A\+?[78][ -]?\(?9\d{2}\)?[ -]?\d{3}[ -]?\d{2}[ -]?\d{2}\Z"))
def test_a_telephone_is_never_a_score(phone: str) -> None:
    assert proposed(f"Перезвоните: {phone}") is None
    assert proposed(phone) is None


@pytest.mark.parametrize(
    "quoted",
    [
        "\n\nпт, 20 нояб. 2026 г. в 10:00, Ольга Лис <o@a.example> пишет:\n> 0 1 2 3",
        "\n\nOn Fri, 20 Nov 2026 at 10:00, Olga <o@a.example> wrote:\n> 3",
        "\n-----Original Message-----\nFrom: x\n3", "\n---- Исходное сообщение ----\n3",
        "\nОт: Ольга\nОтправлено: вчера\nКому: мне\n3", "\n________________________________\nFrom: Olga\n3",
        "\n-- \nИван, отдел 3", "\n> 3\n> 4", "\nОтправлено с iPhone",
    ],
)  # fmt: skip
def test_what_is_quoted_or_signed_is_not_said(quoted: str) -> None:
    said = replies.read("a@b.example", "Re: x", f"Спасибо, 9 из 10.{quoted}")
    assert (said.kind, said.score, said.words) == ("reply", 9, "Спасибо, 9 из 10.")


def test_html_loses_its_markup_styles_and_quotes() -> None:
    page = (
        "<html><head><style>p{color:red}</style></head><body><p>Восемь&nbsp;из 10</p>за&shy;дачи<br>в срок"
        "<div class='gmail_quote'>Оцените нас: 0 1 2<div>3</div></div><blockquote>10</blockquote></body></html>"
    )
    text = replies.own_words(replies.plain(page, html=True))
    assert text == "Восемь из 10\nза\xadдачи\nв срок"
    assert replies.own_words(replies.plain("7 [QUOTE]Ольга: 10[/QUOTE]", html=False)) == "7"


@given(st.text(max_size=300), st.booleans())
@example("<blockquote><p>never closed 10", True)
@example("</div></div><p", True)
def test_any_body_can_be_read(text: str, html: bool) -> None:
    said = replies.read(text[:50], text[:80], replies.plain(text, html))
    assert len(said.words) <= replies.LONGEST
    replies.returned(text[:40], text[:80], text)


def test_kinds_are_told_apart_by_their_words() -> None:
    cases = {
        "absence": [("Автоответ: Отпуск", "x"), ("Re: x", "Я в отпуске до 5 декабря, отвечу позже"),
                    ("Automatic reply: x", "10"), ("Re: x", "I am out of the office until Monday")],
        "complaint": [("Re: x", "Это спам!"), ("Re: x", "Напишу жалобу в Роскомнадзор"),
                      ("Re: x", "Це спам, поскаржуся")],
        "refusal": [("Re: x", "Не пишите мне больше"), ("Re: x", "Нет, спасибо"), ("Re: x", "Ні, дякую"),
                    ("Re: x", "please unsubscribe me"), ("Re: x", "Не хотим участвовать")],
        "reply": [("Re: x", "Спасибо, всё отлично! 10"), ("Re: x", "Был в отпуске, вернулся: 9"), ("Re: x", "")],
    }  # fmt: skip
    for kind, mails in cases.items():
        for subject, text in mails:
            assert replies.read("a@b.example", subject, text).kind == kind, text
    assert replies.read("a@b.example", "Automatic reply: x", "10").score is None


def test_a_notice_is_known_by_who_sent_it_and_its_status() -> None:
    text = "<ira@vega.example>: 550 5.1.1 no user\nFinal-Recipient: rfc822; Ira@Vega.example\nStatus: 5.1.1"
    notice = replies.returned("MAILER-DAEMON@mx.example", "Undelivered Mail Returned to Sender", text)
    assert notice is not None
    assert (notice.code, notice.addresses[0], notice.final) == ("5.1.1", "ira@vega.example", True)
    assert (
        replies.returned("a@b.example", "Недоставленное сообщение", "код 550 <x@y.example> 5.2.2") is not None
    )
    assert replies.returned("postmaster@x.example", "Задержка доставки", "4.4.7 <x@y.example>").final is False  # type: ignore[union-attr]
    assert replies.returned("mailer-daemon@x.example", "Delayed", "will be retried").final is False  # type: ignore[union-attr]
    for sender, subject, text in (
        ("ira@vega.example", "Re: x", "550 5.1.1"), ("ira@vega.example", "Undeliverable?", "спасибо"),
        ("bounced.smith@x.example", "Re: x", "5.1.1"),
    ):  # fmt: skip
        assert replies.returned(sender, subject, text) is None


def test_a_notice_quotes_a_letter_only_if_what_nobody_else_has_stands_in_it() -> None:
    """On the wire a line is broken anywhere; without a secret, or with somebody else's, nothing is quoted."""
    secret = "kJ3_x9-QpL7mZ2vB8nT4wR6y"
    for text in (
        f"Message-ID: <{secret}@agency.example>", f"https://molva.example/s/{secret}?score=3D9",
        f"/s/{secret[:10]}=\r\n{secret[10:]}", f"{secret[:20]}\n {secret[20:]}",
    ):  # fmt: skip
        assert replies.quotes(text, ["", secret]), text
    for text in ("", secret[1:], secret.lower(), "Status: 5.1.1"):
        assert not replies.quotes(text, ["", secret]), text
    assert not replies.quotes(secret, [])


def test_people_who_write_of_undelivered_goods_are_no_mail_server() -> None:
    """A number of copies, a clause of the contract, the own address below: nothing of it kills an address."""
    for subject, text in (
        ("Заказ не доставлен", "500 листовок так и не пришли.\nИван\nira@vega.example"),
        ("Возвращённое сообщение", "договор, п. 5.1.2\n> From: ira@vega.example"),
        ("Undeliverable parcel", "450 pieces, see 5.1.2, boss@vega.example"),
    ):
        assert replies.returned("ira@vega.example", subject, text) is None
    own = replies.returned("ira@vega.example", "Failure notice", "550 5.1.1 <ira@vega.example>")
    assert own is not None
    assert own.addresses == ()
    server = "MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@vega.example"
    for text, dead in (
        ("<ira@vega.example>: 550 5.1.1 user unknown", True), ("<ira@vega.example>: 550 5.7.1 No such user!", True),
        ("<ira@vega.example>: 552 5.2.2 mailbox full", False), ("<ira@vega.example>\nStatus: 5.7.1\nspam", False),
    ):  # fmt: skip
        notice = replies.returned(server, "Undeliverable: x", text)
        assert notice is not None
        assert (notice.final, notice.dead, notice.addresses) == (True, dead, ("ira@vega.example",))


def test_whether_a_mail_is_about_our_letter() -> None:
    ours = [Letter(SUBJECT, 5, AT), Letter("Ещё раз о важном", 5, AT + timedelta(days=4))]
    later = AT + timedelta(hours=1)
    for subject in (
        f"Re: {SUBJECT}",
        f"RE[2]: Fwd: {SUBJECT.upper()}",
        f"Автоответ: {SUBJECT}",
        f"[ext] Отв: {SUBJECT} ✔",
    ):
        assert replies.answers(subject, None, later, ours), subject
    assert replies.answers("О работе", 5, later, ours)  # to the signer's mailbox
    assert replies.answers("Нет на месте", 6, later, ours)  # automatic, soon after
    assert not replies.answers("Нет на месте", 6, AT + timedelta(days=12), ours)
    assert not replies.answers("Счёт за март", 6, later, ours)
    assert not replies.answers(f"Re: {SUBJECT}", 5, AT - timedelta(hours=1), ours)
    assert not replies.answers("Re: ", None, later, [Letter("", None, AT)])
