"""The score that somebody's own words seem to give, in Russian, Ukrainian and English (product.md W18).

A proposal for a person, never an answer: wherever the words may mean two scores, or something else, there is none.
"""

from __future__ import annotations

import re

from .scoring import SCALE

LOOKED_AT = 2000  # characters; a score stands near the beginning

_WORDS: dict[str, int] = {}
for _number, _spellings in enumerate(
    (
        "ноль нуль zero",
        "один единица единицу единичка единичку одиниця одиницю one",
        "два две двойка двойку двійка двійку дві two",
        "три тройка тройку трійка трійку three",
        "четыре четвёрка четверка четвёрку четверку чотири четвірка четвірку four",
        "пять пятёрка пятерка пятёрку пятерку п'ять п'ятірка п'ятірку five",
        "шесть шестёрка шестерка шестёрку шестерку шість шістка шістку six",
        "семь семёрка семерка семёрку семерку сім сімка сімку seven",
        "восемь восьмёрка восьмерка восьмёрку восьмерку вісім вісімка вісімку eight",
        "девять девятка девятку девяточка девяточку дев'ять дев'ятка дев'ятку nine",
        "десять десятка десятку десяточка десяточку десятки ten",
    )
):
    _WORDS.update(dict.fromkeys(_spellings.split(), _number))
#: Words that name a mark and hardly anything else.
_MARKS = "|".join(
    sorted((w for w in _WORDS if w.endswith(("ка", "ку", "ица", "ицу", "иця", "ицю"))), reverse=True)
)
_SPELT = "|".join(sorted(_WORDS, key=len, reverse=True))
_N = (
    rf"(?<![\w.,:/+\-–—])(?:(?P<digits>\d{{1,2}})|(?P<word>{_SPELT}))(?![\w%:/\\+]|[.,\-–—]\d|-[а-яёіїєґa-z])"
)
_ONLY = (
    r"(?=\s*(?:$|[.,!;…)]|\n|бал|из\s|із\s|з\s|зі\s|point))"  # nothing follows that would make it a quantity
)
_OF_TEN = re.compile(
    rf"(?<![\w.,:/+\-–—])(?:(?P<digits>\d{{1,2}})|(?P<word>{_SPELT}))\s*"
    r"(?:(?:балл\w*|бал\w*)\s+)?(?:из|із|зі|з|с|of|out\s+of|/|\\)\s*"
    r"(?:10(?![\w:/]|[.,]\d|\s*[:/]\d)|десяти\b|ten\b)"
)
_SAID = re.compile(
    r"(?:оценк\w*|оценива\w+|оценю|балл\w*|ставлю|поставлю|поставил[аи]?|ставим|поставим|оцінк\w*|оцінюю|оцінюємо|"
    r"бал\w{0,3}|поставив|поставила|score|rating|rate|give|grade|mark)"
    r"(?:\s+(?:на|у|вам|вас|your|you|us|моя|наша|my|is|it|would|a|an|the|в|твёрд\w+|тверд\w+|"
    r"буде|будет|такая|така|это|це))*"
    rf"\s*[:=\-–—]?\s*{_N}"
)
_ON = re.compile(rf"\b(?:на|at)\s+(?:все\s+|всі\s+)?{_N}{_ONLY}")
_POINTS = re.compile(rf"{_N}\s*(?:балл\w*|бал[иіаів]*\b|points?\b)")
_MARK = re.compile(rf"(?<![\w\-])(?P<digits>\d{{99}})?(?P<word>{_MARKS})(?![\w\-])")
_ALONE = re.compile(
    rf"^[\s\"'«(*]*{_N}(?!\s*[-–—]?\s*\(?\d)[\s\"'»*]*(?:$|[.,!;…—–\-()+]|\U0001F44D|:\)|\))", re.MULTILINE
)
_RANGE = re.compile(r"\b(\d{1,2})\s*(?:-|–|—|или|або|or|to|/)\s*(\d{1,2})\b")
_LISTED = re.compile(r"^\s*\d{1,2}[.)]\s+\S.*\n(?:.*\n)*?\s*\d{1,2}[.)]\s+\S", re.MULTILINE)
_DENIED = re.compile(r"(?:\bне|\bні|\bnot|\bnever|n't)\s+(?:\w+\s+){0,2}$")


def proposed(words: str) -> int | None:
    """The score 0–10 these own words give, if they give exactly one; `words` are without the quoted letter.

    Numbers of telephones, dates, hours, shares, ranges and amounts are none.
    """
    text = _flat(words)
    if not text:
        return None
    strong = _found(_OF_TEN, text)
    if not strong:
        strong = _found(_SAID, text) | _found(_ON, text) | _found(_POINTS, text) | _found(_MARK, text)
    if strong:
        return strong.pop() if len(strong) == 1 and not _ranged(text, strong) else None
    if _LISTED.search(text):
        return None
    weak = _found(_ALONE, text)
    return weak.pop() if len(weak) == 1 and not _ranged(text, weak) else None


def _flat(words: str) -> str:
    text = words[:LOOKED_AT].replace("\u00a0", " ").replace("\r", "\n").casefold()
    return re.sub(r"(?<=[бпвмфд])[’ʼ`′](?=[яюєї])", "'", text).strip()


def _found(pattern: re.Pattern[str], text: str) -> set[int]:
    found = set()
    for match in pattern.finditer(text):
        number = _number_of(match)
        if number in SCALE and not _DENIED.search(text[: match.start()]):
            found.add(number)
    return found


def _number_of(match: re.Match[str]) -> int:
    digits = match.group("digits")
    return int(digits) if digits else _WORDS[match.group("word")]


def _ranged(text: str, scores: set[int]) -> bool:
    """Whether the score is an end of "8-9" or "7 or 8": then it is not one score. "9/10" is none of these."""
    for low, high in _RANGE.findall(text):
        ends = {int(low), int(high)}
        if (
            ends & scores
            and len(ends) == 2
            and not (int(high) == 10 and f"{low}/{high}" in text.replace(" ", ""))
        ):
            return True
    return False
