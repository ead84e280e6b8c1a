"""Invented people and firms in three languages for the sandbox's agency; every address is at example.com."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

FIRST = {
    "ru": ("Алексей", "Мария", "Игорь", "Ольга", "Семён", "Татьяна", "Фёдор", "Юлия", "Платон", "Вера"),
    "uk": ("Оксана", "Тарас", "Соломія", "Богдан", "Ярина", "Остап", "Зоряна", "Лесь", "Мирослава", "Гнат"),
    "en": ("Alice", "Henry", "Grace", "Oliver", "Edith", "Martin", "Nora", "Philip", "Ruth", "Simon"),
}
LAST = {
    "ru": (
        "Лесных",
        "Берёзкина",
        "Ключников",
        "Заречная",
        "Полевой",
        "Тихая",
        "Северин",
        "Громова",
        "Ветров",
        "Ясная",
    ),
    "uk": (
        "Гайовий",
        "Калинська",
        "Вербовий",
        "Їжакевич",
        "Лановий",
        "Ґудзь",
        "Веселка",
        "Сонячко",
        "Дзвін",
        "Щедрик",
    ),
    "en": (
        "Marlowe",
        "Fenwick",
        "Hawthorne",
        "Pell",
        "Thistle",
        "Underhill",
        "O'Grady",
        "Quill",
        "Rookwood",
        "Wren",
    ),
}
#: Ordinary names of firms: (title, domain label).
FIRMS = (
    ("Северный ветер", "veter"), ("Мастерская Лиса", "lisa"), ("Теплица № 7", "teplitsa"), ("Пряник и Ко", "pryanik"),
    ("Дом у моря", "more"), ("Ясный день", "yasny"), ("Кофейня Журавль", "zhuravl"), ("Луговая ферма", "lug"),
    ("Садочок", "sadochok"), ("Київські тканини", "tkani"), ("Затишна оселя", "oselya"), ("Вишиванка плюс", "vyshyvka"),
    ("Копперфилд и сыновья", "copper"), ("Maple Bakery", "maple"), ("Harbour Lights Ltd", "harbour"),
    ("Blue Kettle", "kettle"), ("Quiet Printing House", "printing"), ("Orchard & Vine", "orchard"),
    ("Стекло и свет", "steklo"), ("Рыбный двор", "ryba"), ("Школа танца Па", "tanets"), ("Паровоз", "parovoz"),
)  # fmt: skip
#: Names that break careless programs: quotes, markup, templates, formulas, other scripts, great length.
TRICKY = (
    ('ООО «Рога & "Копыта"»', "roga"),
    ("Студия <b>Лес</b> <script>alert(1)</script>", "les"),
    ("Кафе 🦊 Лис 👩‍👩‍👧", "fox"),
    ("O'Brien & Sons; DROP TABLE waves;--", "obrien"),
    ("{{ config }} ${7*7} %s %(x)s {0}", "braces"),
    ('=HYPERLINK("http://example.com")', "formula"),
    ("[B]Жирный[/B] [URL=http://example.com]клиент[/URL]", "bbcode"),
    ("مخبز القمر", "moon"),
    ("Об'єднання «Ґанок»", "ganok"),
    ("Очень длинное название " + "и ещё немного " * 12 + "конец", "long"),
)  # fmt: skip
#: Words of clients: comments that stand in answers, some of them hard to carry.
COMMENTS = {
    "ru": (
        "Всё вовремя, спасибо команде!", "Отвечают медленно, жду по неделе.", "Хотелось бы больше отчётов.",
        "Знают своё дело.\nНо смета выросла дважды.", "«Кавычки» & <b>теги</b> 🙂 и 100 %",
    ),
    "uk": (
        "Дякую, працюйте так і далі!", "Довго чекаємо на відповіді.", "Є куди рости: звіти незрозумілі.",
        "Об'єм робіт більший за обіцяний — приємно.",
    ),
    "en": (
        "They always call back.", "Third deadline missed; we are looking around.", "Good work, dull reports.",
        "Plain talk & fair prices. <3", "",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Named:
    """A person's invented name and the local part of the address."""

    name: str
    last_name: str
    language: str
    local: str


def someone(rng: Random, language: str, number: int) -> Named:
    """A name of that language; ``number`` makes the local part of the address unlike any other."""
    first, last = rng.choice(FIRST[language]), rng.choice(LAST[language])
    return Named(first, last, language, f"{'abcdefgh'[number % 8]}.{language}{number}")


def phone(language: str, number: int) -> str:
    """A number from ranges that are never given to anybody."""
    if language == "uk":
        return f"+380 00 {number // 1000 % 1000:03d} {number % 1000:04d}"
    if language == "en":
        return f"+44 7700 900{number % 1000:03d}"
    return f"+7 900 {number // 10000 % 1000:03d}-{number % 10000 // 100:02d}-{number % 100:02d}"
