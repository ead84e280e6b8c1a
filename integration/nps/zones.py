"""The time zone of a city, as people write it on a card (product.md E6).

Regional centres and large cities of the countries in which agencies of our portals work. An unknown city says nothing:
then the employee's zone counts, or the portal's. Names are compared without case, "ё" and what stands after a comma.
"""

from __future__ import annotations

import re

_CITIES = {
    "Europe/Kaliningrad": "Калининград|Kaliningrad",
    "Europe/Moscow": (
        "Москва|Санкт-Петербург|Петербург|СПб|Нижний Новгород|Казань|Ростов-на-Дону|Краснодар|Воронеж|Ярославль|Рязань|"
        "Тула|Липецк|Пенза|Чебоксары|Набережные Челны|Ставрополь|Белгород|Сочи|Курск|Тверь|Брянск|Иваново|Владимир|"
        "Архангельск|Калуга|Смоленск|Вологда|Череповец|Орёл|Мурманск|Тамбов|Петрозаводск|Кострома|Новороссийск|"
        "Таганрог|Сыктывкар|Нальчик|Владикавказ|Махачкала|Грозный|Псков|Великий Новгород|Саранск|Йошкар-Ола|Киров|"
        "Волгоград|Дзержинск|Рыбинск|Химки|Подольск|Мытищи|Люберцы|Балашиха|Королёв|Одинцово|Зеленоград|Анапа|"
        "Севастополь|Симферополь|Moscow|Saint Petersburg|St Petersburg|Kazan|Nizhny Novgorod|Krasnodar|Voronezh"
    ),
    "Europe/Samara": "Самара|Тольятти|Ижевск|Сызрань|Samara|Togliatti",
    "Europe/Saratov": "Саратов|Энгельс|Saratov",
    "Europe/Ulyanovsk": "Ульяновск|Ulyanovsk",
    "Europe/Astrakhan": "Астрахань|Astrakhan",
    "Asia/Yekaterinburg": (
        "Екатеринбург|Челябинск|Пермь|Уфа|Тюмень|Оренбург|Курган|Магнитогорск|Сургут|Нижневартовск|Ханты-Мансийск|"
        "Салехард|Новый Уренгой|Ноябрьск|Нижний Тагил|Стерлитамак|Орск|Миасс|Нефтеюганск|Каменск-Уральский|"
        "Yekaterinburg|Ekaterinburg|Chelyabinsk|Perm|Ufa|Tyumen"
    ),
    "Asia/Omsk": "Омск|Omsk",
    "Asia/Novosibirsk": "Новосибирск|Бердск|Novosibirsk",
    "Asia/Novokuznetsk": "Кемерово|Новокузнецк|Прокопьевск|Kemerovo",
    "Asia/Tomsk": "Томск|Северск|Tomsk",
    "Asia/Barnaul": "Барнаул|Бийск|Горно-Алтайск|Barnaul",
    "Asia/Krasnoyarsk": "Красноярск|Норильск|Абакан|Кызыл|Ачинск|Krasnoyarsk",
    "Asia/Irkutsk": "Иркутск|Братск|Ангарск|Улан-Удэ|Irkutsk",
    "Asia/Chita": "Чита|Chita",
    "Asia/Yakutsk": "Якутск|Благовещенск|Yakutsk",
    "Asia/Vladivostok": "Владивосток|Хабаровск|Комсомольск-на-Амуре|Уссурийск|Находка|Биробиджан|Vladivostok",
    "Asia/Magadan": "Магадан|Magadan",
    "Asia/Sakhalin": "Южно-Сахалинск|Yuzhno-Sakhalinsk",
    "Asia/Kamchatka": "Петропавловск-Камчатский|Petropavlovsk-Kamchatsky",
    "Asia/Anadyr": "Анадырь|Anadyr",
    "Europe/Kyiv": (
        "Київ|Киев|Kyiv|Kiev|Харків|Харьков|Kharkiv|Одеса|Одесса|Odesa|Дніпро|Днепр|Dnipro|Львів|Львов|Lviv|Запоріжжя|"
        "Запорожье|Кривий Ріг|Кривой Рог|Миколаїв|Николаев|Вінниця|Винница|Полтава|Чернігів|Чернигов|Черкаси|Черкассы|"
        "Хмельницький|Хмельницкий|Житомир|Суми|Сумы|Рівне|Ровно|Тернопіль|Тернополь|Луцьк|Луцк|Ужгород|Чернівці|"
        "Черновцы|Івано-Франківськ|Ивано-Франковск|Кропивницький|Кропивницкий|Херсон|Кременчук|Кременчуг|Біла Церква"
    ),
    "Europe/Minsk": "Минск|Мінськ|Гомель|Брест|Гродно|Витебск|Могилёв|Minsk",
    "Asia/Almaty": "Алматы|Алма-Ата|Астана|Шымкент|Караганда|Павлодар|Усть-Каменогорск|Костанай|Almaty|Astana",
    "Asia/Tashkent": "Ташкент|Tashkent",
    "Asia/Bishkek": "Бишкек|Bishkek",
    "Asia/Tbilisi": "Тбилиси|Батуми|Tbilisi|Batumi",
    "Asia/Yerevan": "Ереван|Yerevan",
    "Asia/Baku": "Баку|Baku",
    "Europe/Chisinau": "Кишинёв|Chisinau",
    "Europe/Warsaw": "Варшава|Краков|Вроцлав|Warszawa|Warsaw|Krakow|Kraków|Wroclaw|Wrocław",
    "Europe/Vilnius": "Вильнюс|Vilnius",
    "Europe/Riga": "Рига|Riga",
    "Europe/Tallinn": "Таллин|Таллинн|Tallinn",
    "Europe/Berlin": "Берлин|Мюнхен|Berlin|München|Munich|Hamburg|Гамбург",
    "Europe/Prague": "Прага|Praha|Prague",
    "Europe/Belgrade": "Белград|Belgrade|Beograd",
    "Europe/London": "Лондон|London",
    "Asia/Dubai": "Дубай|Dubai",
    "Europe/Istanbul": "Стамбул|Istanbul",
    "Asia/Nicosia": "Лимассол|Limassol|Никосия|Nicosia",
}
_PREFIX = re.compile(r"^(г|гор|город|м|місто|city of)(\.\s*|\s+)")


def zone_of_city(city: str) -> str:
    """The zone of a city by its name in Russian, Ukrainian or Latin letters; empty for one that is not known."""
    return _ZONES.get(_key(city), "")


def _key(city: str) -> str:
    name = city.partition(",")[0].strip().casefold().replace("ё", "е")
    return " ".join(_PREFIX.sub("", name).replace(".", " ").split())


def _table() -> dict[str, str]:
    return {_key(city): zone for zone, cities in _CITIES.items() for city in cities.split("|")}


_ZONES = _table()
