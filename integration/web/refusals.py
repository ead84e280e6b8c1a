"""Words for people who are not let in, by code: heading, line, HTTP status (product.md P2)."""

from __future__ import annotations

from integration.i18n import mark

REFUSALS = {
    "not_admin": (
        mark("Only an administrator can install Molva"),
        mark(
            "Ask an administrator of your Bitrix24 to open this application once. After that it "
            "works for everybody."
        ),
        403,
    ),
    "not_installed": (
        mark("Molva is not set up yet"),
        mark(
            "Ask an administrator of your Bitrix24 to open this application once. After that it "
            "works for everybody."
        ),
        403,
    ),
    "not_allowed": (
        mark("This Bitrix24 is not on the list"),
        mark("Whoever runs this Molva has limited it to certain portals. Ask them to add yours."),
        403,
    ),
    "dead_token": (
        mark("Bitrix24 has not confirmed who you are"),
        mark("The page may have been open for too long. Close it and open the application again."),
        403,
    ),
    "not_ours": (
        mark("This application is not known here"),
        mark(
            "Check the application’s key in Bitrix24 and in the settings of Molva: they belong to "
            "different applications."
        ),
        403,
    ),
    "wrong_portal": (
        mark("Bitrix24 has not confirmed this portal"),
        mark("Close the page and open the application again from the menu of your Bitrix24."),
        403,
    ),
    "insecure": (
        mark("Your portal has no secure address"),
        mark(
            "Molva talks to portals by https only. Whoever runs this Molva can allow plain http for "
            "a portal in the company network."
        ),
        403,
    ),
    "suspended": (
        mark("Your Bitrix24 does not allow applications at the moment"),
        mark(
            "The subscription for applications has ended. Nothing is lost: when it is renewed, "
            "Molva goes on by itself."
        ),
        403,
    ),
    "already_connected": (
        mark("Another Molva works in this Bitrix24"),
        mark(
            "It was added as another application. Two would ask your clients twice: remove one of them in Bitrix24, "
            "then open the other. Your data stay with the one you keep."
        ),
        409,
    ),
    "undecided": (
        mark("An administrator has to decide first"),
        mark(
            "There are data of an earlier installation. Ask an administrator of your Bitrix24 to open Molva and to say "
            "whether it goes on with them or starts anew."
        ),
        403,
    ),
    "busy": (
        mark("Bitrix24 is busy"),
        mark("More is asked of your Bitrix24 than it takes at once. Nothing is lost: open this again in a minute."),
        503,
    ),
    "unreachable": (
        mark("Bitrix24 does not answer"),
        mark("Nothing has been changed. Wait a minute and open the application again."),
        503,
    ),
    "no_frame": (
        mark("Please open Molva in your Bitrix24"),
        mark("This address works inside the portal: open the application from its menu."),
        400,
    ),
    "no_session": (
        mark("Please open Molva in your Bitrix24"),
        mark("This address works inside the portal: open the application from its menu."),
        401,
    ),
    "expired": (
        mark("This page has been open for a while"),
        mark("Close it and open the application again. What is saved stays saved."),
        401,
    ),
    "dismissed": (
        mark("You no longer have access"),
        mark("Bitrix24 says that you do not work here any more. If this is wrong, ask an administrator."),
        403,
    ),
    "administrators": (
        mark("This page is for administrators"),
        mark("Ask an administrator of your Bitrix24 to change the settings, or to do it together with you."),
        403,
    ),
    "callers": (
        mark("Your work is at the call desk"),
        mark(
            "This page is for those who manage clients. Open the application from the menu of your Bitrix24: it "
            "leads to the desk."
        ),
        403,
    ),
    "no_calls": (
        mark("You do not call clients"),
        mark("Ask an administrator of your Bitrix24 to name you among the callers, in the settings of the survey."),
        403,
    ),
    "no_card": (
        mark("You cannot see this card"),
        mark("Bitrix24 does not show you this card, or it no longer exists. So nothing about it is shown here."),
        403,
    ),
    "no_list": (
        mark("There is no such list"),
        mark("It was forgotten, or it never was. The page of past referrals has those that are there."),
        404,
    ),
    "no_survey": (
        mark("There is no such survey"),
        mark("It may have been removed. The overview shows the survey that is planned or under way."),
        404,
    ),
    "no_reply": (
        mark("There is no such reply"),
        mark("It may have been removed with the person’s data. The list shows what is there."),
        404,
    ),
    "wave_owners": (
        mark("Somebody else decides about the survey"),
        mark("The head of the agency, an administrator or whoever approves the surveys can do this."),
        403,
    ),
    "foreign": (
        mark("You cannot open this"),
        mark("It belongs to clients of a colleague or of another branch. Ask the head of your agency."),
        403,
    ),
}  # fmt: skip
