"""What an incoming e-mail is: an answer to our letter, an absence, a returned letter, a complaint (product.md W18).

Everything here is a guess from words, so a person decides what follows; only a letter that came back is acted upon
by itself, where the notice quotes it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Literal

from .addresses import email_key
from .mail_refusals import fault
from .reply_scores import proposed

ReplyKind = Literal["reply", "absence", "bounce", "complaint", "refusal"]
LONGEST = 4000  # characters of the own words that are kept
SHORTEST_SUBJECT = 8  # characters of a subject that may be looked for inside another one
NEAR = timedelta(days=3)  # an automatic answer comes soon after the letter


@dataclass(frozen=True, slots=True)
class Read:
    """What was read in an e-mail: its kind, the own words, and the score they seem to give."""

    kind: ReplyKind
    words: str
    score: int | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """A letter that came back. `code`: the status, e.g. ``5.1.1``, empty if none is named; `addresses`: who may be
    meant, the most certain first. `final` off: the server still tries (4.x.x); `dead`: nobody reads at the address,
    while a full mailbox or a letter taken for spam says nothing about it."""

    code: str
    addresses: tuple[str, ...]
    final: bool
    dead: bool = True


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter of ours that has left: whose mailbox it came from (an employee, if known), and its subject."""

    subject: str
    user_id: int | None
    at: datetime


# --- from the wire to words

_BLOCKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3", "table", "hr", "ul", "ol"})
_SILENT = frozenset({"style", "script", "head", "title"})
_QUOTES = frozenset({"blockquote"})
_QUOTE_CLASSES = (
    "gmail_quote",
    "yahoo_quoted",
    "moz-cite-prefix",
    "mail-quote",
    "gmail_extra",
    "protonmail_quote",
)
_VOID = frozenset({"br", "hr", "img", "meta", "input", "link", "area", "base", "col", "wbr"})


class _Text(HTMLParser):
    """The text of HTML without what is quoted in it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.open: list[str] = []
        self.muted: int | None = None  # how deep the element lies in which nothing counts

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS and self.muted is None:
            self.parts.append("\n")
        if tag in _VOID:
            return
        self.open.append(tag)
        classes = " ".join(value or "" for name, value in attrs if name in ("class", "id")).casefold()
        quoted = tag in _QUOTES or any(name in classes for name in _QUOTE_CLASSES)
        if self.muted is None and (tag in _SILENT or quoted):
            self.muted = len(self.open)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.open:
            return
        while self.open and self.open.pop() != tag:
            pass
        if self.muted is not None and len(self.open) < self.muted:
            self.muted = None
        if tag in _BLOCKS and self.muted is None:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if self.muted is None:
            self.parts.append(data)


def plain(text: str, html: bool) -> str:
    """The text of an e-mail, HTML taken out of it together with what it marks as quoted."""
    if not html:
        return _BB_QUOTE.sub("\n", text)
    reader = _Text()
    reader.feed(text)
    reader.close()
    return "".join(reader.parts)


_BB_QUOTE = re.compile(r"\[quote[^\]]*\].*?(?:\[/quote\]|\Z)", re.IGNORECASE | re.DOTALL)
_HEADERS = r"(?:from|sent|to|subject|date|от|отправлено|кому|тема|дата|від|надіслано|кому)"
_CUTS = (
    re.compile(r"^\s*-{2,}\s*(?:original message|forwarded message|исходное сообщение|пересылаемое сообщение|"
               r"оригинальное сообщение|вихідне повідомлення|переслане повідомлення).*$", re.I | re.M),
    re.compile(rf"^\s*\*?{_HEADERS}\*?\s*:.*\n(?:\s*\n)?\s*\*?{_HEADERS}\*?\s*:", re.I | re.M),
    re.compile(r"^.{0,200}\b(?:wrote|writes|пишет|писал|писала|написал|написала|написал\(а\)|пише|писав|пишуть|"
               r"написав|написала)\s*:?\s*$", re.I | re.M),
    re.compile(r"^\s*_{10,}\s*$", re.M),
    re.compile(r"^--\s?$", re.M),
    re.compile(r"^\s*(?:sent from my|отправлено (?:из|с)|надіслано (?:з|із)) .{0,60}$", re.I | re.M),
)  # fmt: skip


def own_words(text: str) -> str:
    """What the person wrote: up to the quoted letter or the signature, without lines that begin with ">"."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ").replace("\x00", "")
    for cut in _CUTS:
        found = cut.search(text)
        if found is not None:
            text = text[: found.start()]
    lines = [line.strip() for line in text.split("\n") if not line.lstrip().startswith(">")]
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(re.sub(r"[ \t]+", " ", line) for line in lines))
    return joined.strip()[:LONGEST]


# --- whose it is

_PREFIX = re.compile(
    r"^\s*(?:\[[^\]]{1,40}\]\s*)?(?:re|fwd?|aw|отв|ответ|на|пересл|відп|відповідь|автоответ|автоматический ответ|"
    r"автоматична відповідь|автовідповідь|automatic reply|auto ?reply|auto|out of office|undeliverable|"
    r"недоставленное|не доставлено|returned mail|delivery failure)\s*(?:[\[(]\d+[\])])?\s*:\s*",
    re.I,
)


def bare_subject(subject: str) -> str:
    """A subject without "Re:" and its kind, as it is compared."""
    text = " ".join(subject.split())
    while (cut := _PREFIX.sub("", text, count=1)) != text:
        text = cut
    return text.casefold()


def about(subject: str, letters: Collection[Letter]) -> bool:
    """Whether a subject is that of one of these letters."""
    theirs = bare_subject(subject)
    ours = {bare_subject(letter.subject) for letter in letters} - {""}
    return theirs in ours or any(len(one) >= SHORTEST_SUBJECT and one in theirs for one in ours)


def answers(subject: str, user_id: int | None, at: datetime, letters: Collection[Letter]) -> bool:
    """Whether an e-mail of somebody whom we wrote to is about our letter, not about their daily business.

    It is if it came after the letter and has its subject, or came to the mailbox of the one who signed it, who never
    serves the client (W5); an automatic answer also shortly after it. `user_id`: to whose mailbox it came.
    """
    earlier = [letter for letter in letters if letter.at <= at]
    if not earlier:
        return False
    if about(subject, earlier) or (user_id and any(letter.user_id == user_id for letter in earlier)):
        return True
    return bool(_AUTOMATIC.search(subject)) and at - max(letter.at for letter in earlier) <= NEAR


# --- what it is

_DAEMONS = re.compile(
    r"^(?:(?:mailer[-_.]?daemon|postmaster|mail[-_.]?daemon|bounces?|mdaemon)(?:[+@\-_.]|$)|microsoftexchange[0-9a-f]{8,}@)",
    re.I,
)
_RETURNED = re.compile(
    r"undeliver|delivery status notification|returned mail|mail delivery (?:failed|failure|subsystem|system)|"
    r"delivery (?:has )?fail|failure notice|failed delivery|could not be delivered|недоставлен|не удалось доставить|"
    r"не доставлен|сообщение не доставлено|возвращ[её]нное сообщение|не вдалося доставити|недоставлен|"
    r"повідомлення не доставлено", re.I,
)  # fmt: skip
_DELAYED = re.compile(
    r"\bdelayed\b|still being retried|will (?:be retried|retry|keep trying)|not yet been delivered|"
    r"warning: message|задерж(?:ка|ано) доставк|попытки будут|будет предпринята|затримк", re.I,
)  # fmt: skip
_STATUS = re.compile(r"^\s*status\s*:\s*([245]\.\d{1,3}\.\d{1,3})\b", re.I | re.M)
_CODE = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.]*\.\d|\d)")
_REPLY_CODE = re.compile(r"(?<![\d.])([45]\d\d)(?=[\s\-][\w<#(])")
_RECIPIENT = re.compile(
    r"^\s*(?:final-recipient|original-recipient|x-failed-recipients)\s*:\s*(?:rfc822\s*;)?\s*<?([^\s<>;,]+@[^\s<>;,]+)",
    re.I | re.M,
)
_MACHINE = re.compile(  # a field of a notice, or a reply code with its status
    r"^\s*(?:status|final-recipient|original-recipient|x-failed-recipients|diagnostic-code|remote-mta)\s*:|"
    r"(?<![\d.])[45]\d\d[ \-]#?[45]\.\d{1,3}\.\d{1,3}(?!\d)|(?<![\d.])[45]\d\d\s+<[^\s<>@]+@[^\s<>]+>", re.I | re.M,
)  # fmt: skip
_ADDRESS = re.compile(r"[\w.+\-=/!#$%&'*^{|}~]{1,64}@[\w\-]+(?:\.[\w\-]+)+")
_AUTOMATIC = re.compile(
    r"^\s*(?:автоответ|автоматическ|автоматичн|автовідпов|automatic reply|auto(?:matic)?[- ]?re(?:ply|sponse)|"
    r"out of (?:the )?office|away from|нет на месте|отсутству|відсутн|в отпуске|у відпустці|vacation)", re.I,
)  # fmt: skip
_AWAY = re.compile(
    r"(?:буд[уе]м? отсутств|отсутствую|нахожусь в (?:отпуск|командировк)|в (?:ежегодном )?отпуске (?:с|до|по)\b|"
    r"вне офиса|не в офисе до|на больничном|в декрет|"
    r"буду відсутн|перебуваю у відпустці|у відпустці (?:з|до|по)\b|поза офісом|на лікарняному|"
    r"i am (?:currently )?(?:out of|away)|out of the office|on (?:annual |maternity |sick )?leave|on vacation|"
    r"limited access to (?:my )?e-?mail)", re.I,
)  # fmt: skip
_COMPLAINT = re.compile(
    r"(?:это|є|ваш[еи]?)?\s*\bспам|на спам|пожалу(?:юсь|емся)|жалоб[ау] (?:в|на)|роскомнадзор|"
    r"персональны[ех] данны[ех]|персональних даних|скарг[ау] (?:до|на)|поскарж|\bspam\b|abuse report|"
    r"complaint about|data protection|\bgdpr\b|feedback-type\s*:\s*abuse", re.I,
)  # fmt: skip
_REFUSAL = re.compile(
    r"(?:больше )?не (?:пишите|присылайте|шлите|беспокойте|отправляйте)|не надо (?:нам |мне )?(?:больше )?писать|"
    r"отпишите|(?:удалите|уберите) (?:меня|нас|мой|наш)|нет,? спасибо|спасибо,? не (?:надо|нужно)|"
    r"не (?:хочу|хотим|буду|будем) (?:участвовать|отвечать|проходить)|отказыва(?:юсь|емся)|"
    r"(?:більше )?не (?:пишіть|надсилайте|турбуйте)|відпишіть|видаліть (?:мене|нас)|"
    r"ні,? дякую|дякую,? не (?:треба|потрібно)|"
    r"не (?:хочу|хочемо|буду|будемо) (?:брати участь|відповідати|проходити)|"
    r"\bunsubscribe\b|no,? thank(?:s| you)|(?:do not|don['’]t|stop) (?:contact|writ|send|email)\w*|remove (?:me|us)|"
    r"not interested", re.I,
)  # fmt: skip


def looks_returned(sender: str, subject: str) -> bool:
    """Whether an e-mail may be a mail server's notice, by who sent it and by its subject."""
    return bool(_DAEMONS.match(sender.strip())) or bool(_RETURNED.search(subject))


def returned(sender: str, subject: str, text: str) -> Returned | None:
    """What a mail server's notice says; nothing if it is none. `text`: the whole of it, nothing cut out.

    Whoever does not write as a server does must say it as one does, and not about itself: people write of undelivered
    goods and clause 5.1.2, too.
    """
    code, near = _code_in(text)
    daemon, own = bool(_DAEMONS.match(sender.strip())), email_key(sender)
    if not looks_returned(sender, subject) or not (daemon or (code and _MACHINE.search(text))):
        return None
    certain = [email_key(one) for one in _RECIPIENT.findall(text)]
    named = [email_key(one.strip(".'")) for one in _ADDRESS.findall(text)]
    late = code.startswith("4") or (not code and bool(_DELAYED.search(subject) or _DELAYED.search(text)))
    found = dict.fromkeys(one for one in [*certain, *named] if one and (daemon or one != own))
    return Returned(code, tuple(found)[:50], final=not late, dead=fault(near) == "address")


def quotes(text: str, secrets: Collection[str]) -> bool:
    """Whether a notice holds one of these texts, which nobody has but who got the letter and who carried it. Servers
    quote letters as they were on the wire, so a line may be broken anywhere."""
    joined = _BROKEN.sub("", text)
    return any(secret in joined for secret in secrets if secret)


_BROKEN = re.compile(r"=\r?\n|\s+")


def _code_in(text: str) -> tuple[str, str]:
    """The status a notice names and what stands around it: the field of a machine first, then one in the words, then a
    server's reply code."""
    for pattern in (_STATUS, _CODE, _REPLY_CODE):
        if found := pattern.search(text):
            return found.group(1), text[found.start(1) : found.end(1) + 200]
    return "", ""


def read(sender: str, subject: str, text: str) -> Read:
    """What an e-mail of a person says; `text` as `plain` gives it. A complaint goes before a refusal, both before a
    score; an automatic answer gives no score."""
    words = own_words(text)
    if _AUTOMATIC.search(subject) or _AWAY.search(words[:600]):
        return Read("absence", words)
    if _COMPLAINT.search(f"{subject}\n{words}"):
        return Read("complaint", words, proposed(words))
    if _REFUSAL.search(words[:600]):
        return Read("refusal", words, proposed(words))
    return Read("reply", words, proposed(words))
