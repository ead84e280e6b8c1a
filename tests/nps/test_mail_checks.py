"""What makes providers believe a letter: SPF followed as receivers follow it, DMARC, DKIM, and a pasted letter (W4)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps import dkim, letter_source, mail_checks, spf
from integration.nps.letter_source import Received
from integration.nps.mail_checks import Look, Sending
from tests.services.dns_world import Zone, rsa_key

D = "agency.example"
SERVER = "mail.relay.example"
OUR = "93.184.216.34"


def zone(*records: str, more: dict[str, list[str]] | None = None, **values: Any) -> Zone:
    return Zone(
        records={D: list(records), **(more or {})},
        hosts={
            SERVER: [OUR],
            "a.example": [OUR],
            "six.example": ["2606:2800:220:1::1"],
            **values.get("hosts", {}),
        },
        mail={D: ["a.example"], **values.get("mail", {})},
    )


def verdict(*records: str, **values: Any) -> tuple[str, str]:
    server, addresses = values.pop("server", SERVER), values.pop("addresses", [OUR])
    found = spf.check(zone(*records, **values), f"som@{D}", server, addresses)
    return found.code, found.why


CHAIN = {f"i{n}.example": [f"v=spf1 include:i{n + 1}.example ?all"] for n in range(1, 12)}
SPF = [
    # records of the domain, what else stands in the DNS, verdict, why
    ([], {}, "none", ""),
    (["google-site-verification=x"], {}, "none", ""),
    (["v=spf10 -all"], {}, "none", ""),
    (["v=spf1"], {}, "neutral", ""),
    (["v=spf1 -all"], {}, "fail", ""),
    (["v=spf1 ~all"], {}, "softfail", ""),
    (["v=spf1 +all"], {}, "pass", ""),
    (["V=SPF1 IP4:93.184.216.34 -ALL"], {}, "pass", ""),
    (["v=spf1 ip4:93.184.216.0/24 -all"], {}, "pass", ""),
    (["v=spf1 ip4:93.184.217.0/24 -all"], {}, "fail", ""),
    (["v=spf1 ip6:2606:2800::/32 -all"], {}, "fail", ""),
    (["v=spf1 -ip4:93.184.216.34 +all"], {}, "fail", ""),
    (["v=spf1 a:a.example -all"], {}, "pass", ""),
    (["v=spf1 a:six.example -all"], {}, "fail", ""),
    (["v=spf1 a -all"], {}, "fail", ""),
    (["v=spf1 mx -all"], {}, "pass", ""),
    (["v=spf1 mx/24 -all"], {}, "pass", ""),
    (["v=spf1 a:a.example/16//64 -all"], {}, "pass", ""),
    (["v=spf1 ptr -all"], {}, "fail", ""),
    (["v=spf1 exists:%{i}.ok.example -all"], {}, "fail", ""),
    (["v=spf1 include:_s.example -all"], {"_s.example": ["v=spf1 ip4:93.184.216.34 -all"]}, "pass", ""),
    (["v=spf1 include:_s.example ~all"], {"_s.example": ["v=spf1 -all"]}, "softfail", ""),
    (["v=spf1 redirect=_s.example"], {"_s.example": ["v=spf1 a:a.example -all"]}, "pass", ""),
    (["v=spf1 redirect=_s.example"], {"_s.example": ["v=spf1 -all"]}, "fail", ""),
    (["v=spf1 -all redirect=_s.example"], {"_s.example": ["v=spf1 +all"]}, "fail", ""),
    (["v=spf1 exp=why.example unknown=x -all"], {}, "fail", ""),
    (["v=spf1 mx -all", "v=spf1 -all"], {}, "permerror", "several_records"),
    (["v=spf1 nonsense -all"], {}, "permerror", "bad_term"),
    (["v=spf1 +all nonsense"], {}, "permerror", "bad_term"),
    (["v=spf1 include: -all"], {}, "permerror", "bad_term"),
    (["v=spf1 all:x"], {}, "permerror", "bad_term"),
    (["v=spf1 a:a.example/33 -all"], {}, "permerror", "bad_term"),
    (["v=spf1 redirect=a.x redirect=b.x"], {}, "permerror", "bad_term"),
    (["v=spf1 ip4:1.2.3 -all"], {}, "permerror", "bad_address"),
    (["v=spf1 ip4:2606::1 -all"], {}, "permerror", "bad_address"),
    (["v=spf1 a:%{q}.example -all"], {}, "permerror", "bad_macro"),
    (["v=spf1 include:nobody.example -all"], {}, "permerror", "no_record_included"),
    (["v=spf1 redirect=nobody.example"], {}, "permerror", "no_record_included"),
    (["v=spf1 include:i1.example -all"], CHAIN, "permerror", "too_many_lookups"),
    ([f"v=spf1 include:{D} -all"], {}, "permerror", "too_many_lookups"),
    (["v=spf1 a:x.example a:y.example a:z.example -all"], {}, "permerror", "too_many_empty"),
]  # fmt: skip


def test_a_record_says_of_a_server_what_receivers_make_of_it() -> None:
    for records, more, code, why in SPF:
        assert verdict(*records, more=more) == (code, why), records
    ten = " ".join(f"a:h{n}.example" for n in range(10))
    hosts = {f"h{n}.example": ["192.0.2.1"] for n in range(11)}
    assert verdict(f"v=spf1 {ten} -all", hosts=hosts) == ("fail", "")
    assert verdict(f"v=spf1 {ten} a:h10.example -all", hosts=hosts) == ("permerror", "too_many_lookups")
    many = {"mail": {D: [f"h{n}.example" for n in range(11)]}, "hosts": hosts}
    assert verdict("v=spf1 mx -all", **many) == ("permerror", "too_many_hosts")


def test_macros_are_filled_in_as_the_standard_shows() -> None:
    """The examples of RFC 7208 7.4, for the sender strong-bad@email.example.com and 192.0.2.3."""
    domain, sender = "email.example.com", "strong-bad@email.example.com"
    for macro, name in (
        ("%{s}", "strong-bad@email.example.com"), ("%{o}", "email.example.com"), ("%{d4}", "email.example.com"),
        ("%{d2}", "example.com"), ("%{d1}", "com"), ("%{dr}", "com.example.email"), ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"), ("%{l-}", "strong.bad"), ("%{lr}", "strong-bad"), ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"), ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"), ("%%a", "%a"),
    ):  # fmt: skip
        known = Zone(records={domain: [f"v=spf1 exists:{macro} -all"]}, hosts={name: ["127.0.0.2"]})
        assert spf.check(known, sender, "", ["192.0.2.3"]).code == "pass", macro


def test_the_best_of_several_addresses_counts_and_a_known_provider_by_its_include() -> None:
    only_six = "v=spf1 ip6:2606:2800::/32 -all"
    assert verdict(only_six, addresses=[OUR, "2606:2800:220:1::1"]) == ("pass", "")
    google = {"_spf.google.com": ["v=spf1 ip4:192.0.2.0/24 ~all"]}
    record = "v=spf1 include:_spf.google.com ~all"
    assert verdict(record, more=google, server="smtp.gmail.com", addresses=["198.51.100.9"]) == ("pass", "")
    assert verdict(record, more=google, server="gmail.com.evil.example") == ("softfail", "")
    assert verdict("v=spf1 redirect=_spf.yandex.net", server="smtp.yandex.ru", addresses=[]) == ("pass", "")


@given(st.text("v=spf1 +-~?all:ip4/exists%{d}redirect=mx.a0", max_size=60))
def test_any_record_whatever_ends_in_a_verdict(text: str) -> None:
    assert verdict(f"v=spf1 {text}")[0] in {
        "pass",
        "fail",
        "softfail",
        "neutral",
        "none",
        "permerror",
        "silent",
    }


DMARC = [
    ({}, "none", "", ""),
    ({f"_dmarc.{D}": ["v=DMARC1; p=reject; rua=mailto:x@y"]}, "ok", "reject", D),
    ({f"_dmarc.{D}": ["v=DMARC1;p=None"]}, "ok", "none", D),
    ({f"_dmarc.{D}": ["v=DMARC1"]}, "broken", "", D),
    ({f"_dmarc.{D}": ["v=DMARC1; p=never"]}, "broken", "", D),
    ({f"_dmarc.{D}": ["v=DMARC1; p"]}, "broken", "", D),
    ({f"_dmarc.{D}": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, "broken", "", D),
    ({f"_dmarc.{D}": ["v=spf1 -all"]}, "none", "", ""),
]  # fmt: skip


def test_a_dmarc_record_is_read_here_or_above_and_several_are_none() -> None:
    for records, code, policy, at in DMARC:
        found = mail_checks.dmarc(Zone(records=records), D)
        assert (found.code, found.policy, found.at) == (code, policy, at), records
    above = {f"_dmarc.{D}": ["v=DMARC1; p=reject; sp=none; adkim=s"]}
    found = mail_checks.dmarc(Zone(records=above), f"letters.{D}")
    assert (found.policy, found.at, found.strict_dkim, found.strict_spf) == ("none", D, True, False)


def test_a_key_is_there_withdrawn_spoiled_or_too_short() -> None:
    for record, code in (
        (f"v=DKIM1; k=rsa; p={rsa_key(2048)}", "ok"), (f"p={rsa_key(1024)}", "ok"), (f"p={rsa_key(1023)}", "weak"),
        (f"p={rsa_key(2048)[:50]} {rsa_key(2048)[50:]}", "ok"), ("v=DKIM1; p=", "revoked"), ("v=DKIM1; p=!!", "broken"),
        (f"p={rsa_key(2048)[:-90]}", "broken"), (f"v=DKIM2; p={rsa_key(2048)}", "broken"), ("nothing", "missing"),
        ("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "ok"), ("k=ed25519; p=AAAA", "broken"),
    ):  # fmt: skip
        found = dkim.key(Zone(records={f"s._domainkey.{D}": [record]}), D, "s")
        assert found.code == code, record
    assert dkim.key(Zone(), D, " ").code == "unknown"
    assert dkim.key(Zone(silent={D}), D, "s").code == "silent"
    fits = {
        "mail": True,
        "s1.agency": True,
        "20260122": True,
        "a b": False,
        "": False,
        "-x": False,
        "ы": False,
    }
    assert {text: dkim.selector_fits(text) for text in fits} == fits


HEADERS = """\
Delivered-To: me@mail.example
{results}Received: from relay
{signatures}From: =?utf-8?b?0KHQvtC8?= <Som@Agency.example>
Subject: Test
Authentication-Results: evil.example; dkim=pass header.d=agency.example header.s=forged

Authentication-Results: in.the.body; dkim=pass
"""
SIGNED = "DKIM-Signature: v=1; a=rsa-sha256; d=agency.example;\n s=mail; bh=x;\n b=y\n"
PASSED = (
    "Authentication-Results: mx.mail.example;\n"
    " dkim=pass (2048-bit; good) header.d=agency.example header.s=mail;\n"
    " spf=pass smtp.mailfrom=som@agency.example;\n dmarc=pass\n"
)


def source(results: str = "", signatures: str = "", sender: str = "som@agency.example") -> Any:
    text = HEADERS.format(results=results, signatures=signatures)
    if not results:
        text = text.replace(
            "Authentication-Results: evil.example; dkim=pass header.d=agency.example header.s=forged\n", ""
        )
    return letter_source.read(text, sender)


def test_a_pasted_letter_tells_by_the_receiver_s_own_words_alone() -> None:
    good = Received("pass", "agency.example", "mail", "pass", "pass", "mx.mail.example")
    assert source(PASSED, SIGNED) == good
    assert source(PASSED.replace("\n", "\r\n"), SIGNED) == good
    assert (
        letter_source.read(
            "\ufeff\n  \nOriginal message\n" + HEADERS.format(results=PASSED, signatures=""), D
        )
        == "other_sender"
    )
    by_identity = "Authentication-Results: mx; dkim=pass header.i=@agency.example\n"
    assert source(by_identity, SIGNED) == Received("pass", "agency.example", "mail", by="mx")
    failed = "Authentication-Results: mx; dkim=fail (bad hash) header.d=agency.example header.s=mail\n"
    assert source(failed, SIGNED).dkim == "fail"
    assert source("Authentication-Results: mx; dkim=neutral\n", SIGNED).dkim == "fail"
    assert source("Authentication-Results: mx; dkim=none; spf=pass\n") == Received(
        "none", spf="pass", by="mx"
    )
    foreign = "Authentication-Results: mx; dkim=pass header.d=mailer.example header.s=k1\n"
    assert source(foreign).domain == "mailer.example"
    two = foreign.rstrip() + "; dkim=pass header.d=agency.example header.s=mail\n"
    assert (source(two).domain, source(two).selector) == ("agency.example", "mail")
    assert source("", SIGNED) == Received("pass", "agency.example", "mail"), (
        "signed; the DNS has to say the rest"
    )
    assert source() == "no_verdict"
    assert source(PASSED, sender="other@agency.example") == "other_sender"
    assert letter_source.read("hello", "a@b.example") == "no_letter"
    kept = Received.from_json(good.to_json())
    assert kept == good
    assert Received.from_json({"dkim": "maybe"}) is None


@given(st.text(max_size=300))
def test_any_text_may_be_pasted(text: str) -> None:
    letter_source.read(text, "a@b.example")
    letter_source.read(f"From: a@b.example\n{text}", "a@b.example")


def test_a_domain_vouches_for_those_of_its_own_organisation() -> None:
    for shown, proven, strict, agrees in (
        ("agency.example", "agency.example", True, True), ("agency.example", "mail.agency.example", False, True),
        ("agency.example", "mail.agency.example", True, False), ("a.com.ua", "b.com.ua", False, False),
        ("x.a.com.ua", "a.com.ua", False, True), ("agency.example", "", False, False),
    ):  # fmt: skip
        assert mail_checks.aligned(shown, proven, strict=strict) is agrees, (shown, proven)


def codes(of: Sending, known: Zone) -> list[str]:
    found = mail_checks.look(known, of, known.takes_mail(of.domain))
    assert Look.from_json(found.to_json()) == found
    return [code for code, _ in mail_checks.verdicts(of, found)]


def test_what_is_wrong_with_a_sender_is_named_the_most_harmful_first() -> None:
    of = Sending(f"som@{D}", SERVER)
    strict = {f"_dmarc.{D}": ["v=DMARC1; p=reject"]}
    assert codes(of, zone("v=spf1 -all", more=strict)) == [
        "dmarc_rejects",
        "spf_lacks_server",
        "dkim_unknown",
    ]
    assert codes(of, zone("v=spf1 a:a.example -all", more=strict)) == ["dkim_unknown"]
    signed = Sending(f"som@{D}", SERVER, "", Received("pass", D, ""))
    assert codes(signed, zone("v=spf1 -all", more=strict)) == ["spf_lacks_server"], "the signature vouches"
    assert codes(of, zone(mail={D: []})) == ["no_spf", "dkim_unknown", "no_dmarc", "no_mail_for_replies"]
    by_portal = Sending(f"som@{D}")
    assert codes(by_portal, zone("v=spf1 -all", more=strict)) == ["dkim_unknown"], "nobody knows the server"
    home = Sending(f"som@{D}", "127.0.0.1")
    assert codes(home, zone("v=spf1 -all", more=strict)) == ["dkim_unknown"], (
        "a relay at home leaves by another address"
    )
    quiet = zone("v=spf1 -all")
    quiet.silent = {D}
    assert codes(of, quiet) == ["dns_silent"]
    assert len(quiet.asked) <= 3, "whoever is silent is not asked on and on"


def test_what_to_add_to_a_record_is_the_provider_s_include_or_the_address() -> None:
    for server, added in (
        (SERVER, f"ip4:{OUR}"),
        ("smtp.yandex.ru", "include:_spf.yandex.net"),
        ("unknown.example", ""),
    ):
        of = Sending(f"som@{D}", server)
        assert mail_checks.added(mail_checks.look(zone(), of)) == added


def test_one_kind_of_code_is_known_to_the_findings() -> None:
    from integration.nps.findings import CODES

    of = Sending(f"som@{D}", SERVER)
    for text in ("", "v=spf1 -all", "v=spf1 x"):
        assert set(codes(of, zone(*filter(None, [text])))) <= CODES


@pytest.mark.parametrize("address", ["som@agency.example.", "SOM@AGENCY.example"])
def test_the_domain_of_an_address_is_written_one_way(address: str) -> None:
    assert Sending(address).domain == "agency.example"
