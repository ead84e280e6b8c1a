"""What the answer page says when it thanks, when it has ended, and when something is wrong (product.md S3, S6)."""

from __future__ import annotations

from integration.i18n import mark

THANKS = {
    "promoter": (
        mark("Thank you!"),
        mark("We are glad that you would recommend us. The whole team will hear it."),
    ),
    "passive": (
        mark("Thank you for your answer!"),
        mark("We want to know what is missing for a ten. Somebody from our team may call you to ask."),
    ),
    "detractor": (
        mark("Thank you for being frank"),
        mark(
            "We are sorry that working with us is not what you expected. Our management reads your "
            "answer and will get in touch with you."
        ),
    ),
}
NO_LETTER = (
    mark("This survey ends soon, so you will get no further letter about it."),
    mark("Your link keeps working for a while, should you find a moment after all."),
)
ENDED = {
    "expired": (
        mark("This survey is over"),
        (
            mark("Thank you for wanting to answer. The answers of this survey are counted already."),
            mark("If you want to tell us something, just reply to our letter: a person reads it."),
        ),
    ),
    "revoked": (
        mark("This link no longer works"),
        (
            mark("It was withdrawn, so no answer can be given here."),
            mark("If you want to tell us something, just reply to our letter: a person reads it."),
        ),
    ),
    "opted_out": (
        mark("You asked us not to send you surveys"),
        (
            mark("We keep to that: you will get no more of them."),
            mark("If you have changed your mind, just reply to our letter."),
        ),
    ),
    "unknown": (
        mark("We cannot find this survey"),
        (
            mark("The address may have been cut off by the mail program."),
            mark("Please press the button in the letter once more, or copy the whole address."),
        ),
    ),
}
PROBLEMS = {
    "score": mark("Please choose a number from 0 to 10."),
    "comment": mark("This comment is too long. Please shorten it."),
}
