"""Questions to begin with: what clients judge beside the whole, worded in every language (product.md N11)."""

from __future__ import annotations

from integration.nps.questions import Question

SAMPLES: tuple[Question, ...] = (
    Question(
        "speed", "scale_5",
        {"en": "How do you like the speed of our work?", "ru": "Как вам скорость нашей работы?",
         "uk": "Як вам швидкість нашої роботи?"},
    ),
    Question(
        "goals", "scale_5",
        {"en": "How well do we understand your goals?", "ru": "Насколько хорошо мы понимаем ваши задачи?",
         "uk": "Наскільки добре ми розуміємо ваші завдання?"},
    ),
    Question(
        "team", "scale_5",
        {"en": "How do you find it to work with our team?", "ru": "Как вам работается с нашей командой?",
         "uk": "Як вам працюється з нашою командою?"},
    ),
)  # fmt: skip
