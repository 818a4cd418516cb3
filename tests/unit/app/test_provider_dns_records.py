"""What must be withdrawn from DNS when a provider falls."""

import msgspec

from mailkeep.app.provider_dns_records import Published, asked, houses, published


class One(msgspec.Struct):
    name: str
    kind: str
    options: dict[str, str]
    party: str = "somebody"


def test_every_record_that_is_known_is_named() -> None:
    options = {
        "dkim_selector": "K1",
        "return_path_domain": "bounces.example.com",
        "tracking_domain": "click.example.com",
    }
    found = published([One("m", "mandrill", options)], ["us@Example.com", "me@example.com"])["m"]
    assert found == (
        "withdraw k1._domainkey.example.com (its DKIM key)",
        "withdraw bounces.example.com, MX and TXT (its return path)",
        "withdraw click.example.com (its links and opens are tracked under it)",
        (
            "take it out of the SPF record of example.com, where it is included (mailchimpapp.net, "
            "mandrillapp.com, mcdlv.net, mcsv.net, rsgsv.net)"
        ),
    )


def test_what_is_not_known_is_said() -> None:
    found = published([One("r", "smtp", {})], ["us@example.com"])["r"]
    assert found == (
        "find and withdraw its DKIM key: options.dkim_selector is not set",
        "find and withdraw its return path: options.return_path_domain is not set",
        "take it out of the SPF record of example.com, where it is included",
    )


def test_a_provider_that_signs_as_another_domain() -> None:
    options = {"dkim_selector": "s", "dkim_domain": "mail.example.org"}
    found = published([One("p", "postmark", options)], ["us@example.com"])["p"]
    assert found[0] == "withdraw s._domainkey.mail.example.org (its DKIM key)"


def test_a_record_that_another_provider_needs_is_not_taken_from_it() -> None:
    """Else leaving one has the mail of the other, which stays, refused everywhere."""
    shared = {
        "dkim_selector": "k1",
        "return_path_domain": "bounces.example.com",
        "tracking_domain": "click.example.com",
    }
    both = [One("old", "mandrill", shared), One("new", "mandrill", dict(shared))]
    found = published(both, ["us@example.com"])["old"]
    assert len(found) == 4
    assert all(one.endswith("; new needs it too, and is given another one first") for one in found)
    own = [both[0], One("new", "postmark", {"dkim_selector": "k2"})]
    assert not any("needs it too" in one for one in published(own, ["us@example.com"])["old"])


def test_what_is_to_go_is_read_back_from_its_words() -> None:
    """Of a provider that was left the words are all that is kept."""
    options = {
        "dkim_selector": "k1",
        "return_path_domain": "bounces.example.com",
        "tracking_domain": "click.example.com",
    }
    one = One("m", "mandrill", options)
    texts = published([one], ["us@example.com"])["m"]
    assert [asked(f"DNS: {text}") for text in texts] == [
        Published("k1._domainkey.example.com", ("TXT", "CNAME"), key=True),
        Published("bounces.example.com", ("MX", "TXT", "CNAME")),
        Published("click.example.com", ("CNAME", "A", "AAAA")),
        Published(
            "example.com",
            ("TXT",),
            marks=("mailchimpapp.net", "mandrillapp.com", "mcdlv.net", "mcsv.net", "rsgsv.net"),
        ),
    ]
    both = published([one, One("n", "mandrill", options)], ["us@example.com"])["m"]
    unknown = published([One("r", "smtp", {})], ["us@example.com"])["r"]
    assert [asked(text) for text in (*both, *unknown)] == [None] * 7


def test_a_relay_is_looked_for_by_the_house_that_its_party_is() -> None:
    known = houses([{"id": "post", "known": "postmark"}, {"id": "own"}])
    found = published([One("r", "smtp", {}, "post")], ["us@example.com"], known)["r"]
    assert found[-1].endswith("where it is included (mtasv.net, postmarkapp.com)")
    by_id = published([One("r", "smtp", {}, "sendgrid")], ["us@example.com"], known)["r"]
    assert by_id[-1].endswith("(sendgrid.com, sendgrid.net)")


def test_whom_a_house_relays_via_is_looked_for_and_spared_where_another_one_needs_it() -> None:
    resend = One("r", "smtp", {}, "resend")
    found = published([resend], ["us@example.com"])["r"]
    assert found[-1].endswith("(amazonses.com, resend.com, resend.dev)")
    both = published([resend, One("s", "smtp", {}, "amazon-ses")], ["us@example.com"])["r"]
    assert both[-1].endswith("; s needs it too, and is given another one first")
