"""Invented people and firms in three languages for the sandbox's agency; every address is at example.com."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

#: First names, every second one a man's: the gender decides the form of the last name.
FIRST = {
    "ru": ("Алексей", "Мария", "Игорь", "Ольга", "Семён", "Татьяна", "Фёдор", "Юлия", "Платон", "Вера"),
    "uk": ("Тарас", "Оксана", "Богдан", "Соломія", "Остап", "Ярина", "Лесь", "Зоряна", "Гнат", "Мирослава"),
    "en": ("Henry", "Alice", "Oliver", "Grace", "Martin", "Edith", "Philip", "Nora", "Simon", "Ruth"),
}
#: Last names: a man's and a woman's, or one for both.
LAST: dict[str, tuple[tuple[str, ...], ...]] = {
    "ru": (
        ("Лесных",), ("Берёзкин", "Берёзкина"), ("Ключников", "Ключникова"), ("Заречный", "Заречная"),
        ("Полевой", "Полевая"), ("Тихий", "Тихая"), ("Северин", "Северина"), ("Громов", "Громова"),
        ("Ветров", "Ветрова"), ("Ясный", "Ясная"),
    ),
    "uk": (
        ("Гайовий", "Гайова"), ("Калинський", "Калинська"), ("Вербовий", "Вербова"), ("Їжакевич",),
        ("Лановий", "Ланова"), ("Ґудзь",), ("Веселка",), ("Сонячко",), ("Дзвін",), ("Щедрик",),
    ),
    "en": (
        ("Marlowe",), ("Fenwick",), ("Hawthorne",), ("Pell",), ("Thistle",), ("Underhill",), ("O'Grady",),
        ("Quill",), ("Rookwood",), ("Wren",),
    ),
}  # fmt: skip
#: Ordinary names of firms: (title, domain label).
FIRMS = (
    ("Северный ветер", "veter"), ("Мастерская Лиса", "lisa"), ("Теплица № 7", "teplitsa"),
    ("Пряник и Ко", "pryanik"), ("Дом у моря", "more"), ("Ясный день", "yasny"),
    ("Кофейня Журавль", "zhuravl"), ("Луговая ферма", "lug"), ("Садочок", "sadochok"),
    ("Київські тканини", "tkani"), ("Затишна оселя", "oselya"), ("Вишиванка плюс", "vyshyvka"),
    ("Копперфилд и сыновья", "copper"), ("Maple Bakery", "maple"), ("Harbour Lights Ltd", "harbour"),
    ("Blue Kettle", "kettle"), ("Quiet Printing House", "printing"), ("Orchard & Vine", "orchard"),
    ("Стекло и свет", "steklo"), ("Рыбный двор", "ryba"), ("Школа танца Па", "tanets"),
    ("Паровоз", "parovoz"), ("Мельница у пруда", "melnitsa"), ("Синий конверт", "konvert"),
    ("Велодом", "velodom"), ("Тихая пристань", "pristan"), ("Сад и огород Клевер", "klever"),
    ("Аптека на углу", "ugol"), ("Каменный мост", "most"), ("Сырная лавка Ладно", "ladno"),
    ("Зимняя сказка", "zima"), ("Печатня Буква", "bukva"), ("Пекарня Корочка", "korochka"),
    ("Оконный мастер", "okno"), ("Дитячий світ Барвисто", "barvysto"), ("Майстерня Глечик", "glechyk"),
    ("Медовий край", "med"), ("Кав'ярня Сойка", "soika"), ("Столярня Явір", "yavir"),
    ("Квіткова крамниця Мальва", "malva"), ("Друкарня Папір", "papir"), ("Теплий дах", "dah"),
    ("Willow Travel", "willow"), ("Copperleaf Dental", "copperleaf"), ("North Pier Fish Co", "pier"),
    ("Tall Clock Repairs", "clock"), ("Lantern Books", "lantern"), ("Fernhill Gardens", "fernhill"),
    ("Paper Boat Toys", "boat"), ("Граммофон", "grammofon"), ("Ткацкий двор", "dvor"),
    ("Белый парус", "parus"), ("Умные теплицы Росток", "rostok"), ("Цветы Ирис", "iris"),
    ("Клиника Подорожник", "podorozhnik"), ("Автошкола Третья передача", "peredacha"),
    ("Керамика Обжиг", "obzhig"), ("Стройдвор Кирпичик", "kirpich"), ("Турбюро Компас", "kompas"),
    ("Рукоделие Клубок", "klubok"),
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
    ("<b>ООО</b> «Ромашка & сыновья»", "romashka"),
    ("Очень длинное название " + "и ещё немного " * 12 + "конец", "long"),
)  # fmt: skip
#: What those of them that frighten readers are called where the agency is shown to people: domain label -> title.
CALM = {
    "les": "Студия Лес", "fox": "Кафе Лис", "obrien": "O'Brien & Sons", "braces": "Брекет-студия Улыбка",
    "formula": "Аптека Формула", "bbcode": "Типография Жирный шрифт", "moon": "Пекарня Луна",
    "romashka": "ООО «Ромашка & сыновья»", "long": "Управляющая компания «Долгий пруд и партнёры»",
}  # fmt: skip
#: Words of clients: comments that stand in answers, some of them hard to carry.
#: What clients say with a score, by language and mood: 9–10 glad, 7–8 torn, the others lost.
MOODS: dict[str, dict[str, tuple[str, ...]]] = {
    "ru": {
        "glad": ("Всё вовремя, спасибо команде!", "«Как обещали» & в срок 🙂 на 100 %", "Всегда на связи, советую."),
        "torn": ("Хотелось бы больше отчётов.", "Знают своё дело.\nНо смета выросла дважды."),
        "lost": ("Отвечают медленно, жду по неделе.", "Срок сорвали, узнали мы последними."),
    },
    "uk": {
        "glad": ("Дякую, працюйте так і далі!", "Об'єм робіт більший за обіцяний — приємно."),
        "torn": ("Є куди рости: звіти незрозумілі.", "Добре, але дорожче, ніж домовлялися."),
        "lost": ("Довго чекаємо на відповіді.", "Про зриви термінів дізнаємося самі."),
    },
    "en": {
        "glad": ("They always call back.", "Plain talk & fair prices. <3"),
        "torn": ("Good work, dull reports.", "Fine, but we have to remind them."),
        "lost": ("Third deadline missed; we are looking around.", "Nobody answers before we ask twice."),
    },
}  # fmt: skip


def words_for(rng: Random, language: str, score: int) -> str:
    """What somebody who gave this score says."""
    mood = "glad" if score >= 9 else "torn" if score >= 7 else "lost"
    return rng.choice(MOODS[language][mood])


@dataclass(frozen=True)
class Named:
    """A person's invented name and the local part of the address."""

    name: str
    last_name: str
    language: str
    local: str


def someone(rng: Random, language: str, number: int) -> Named:
    """A name of that language; ``number`` makes the local part of the address unlike any other."""
    place, forms = rng.randrange(len(FIRST[language])), rng.choice(LAST[language])
    first, last = FIRST[language][place], forms[place % 2 % len(forms)]
    return Named(first, last, language, f"{'abcdefgh'[number % 8]}.{language}{number}")


def phone(language: str, number: int) -> str:
    """A number from ranges that are never given to anybody."""
    if language == "uk":
        return f"+380 00 {number // 1000 % 1000:03d} {number % 1000:04d}"
    if language == "en":
        return f"+44 7700 900{number % 1000:03d}"
    return f"+7 900 {number // 10000 % 1000:03d}-{number % 10000 // 100:02d}-{number % 100:02d}"
