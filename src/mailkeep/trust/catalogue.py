"""Houses that many have to do with: who owns them, whose machines they use, how DNS shows them.

What stands here ties whoever registers one of them, so that two brands of one owner never look like
two parties. It was true on the day of ``LOOKED_AT`` by the source beside it, and ownership changes:
who knows better says so in the register, with a reason and a day (``independent``).

``signs`` are endings of names: of MX hosts, of what an SPF record includes, of the targets of CNAME
records of DKIM selectors and of tracking and return-path names, and of name servers.
"""

from collections.abc import Mapping

import msgspec

from .types import Party, PartyKind

LOOKED_AT = "2026-11-28"


class Known(msgspec.Struct, frozen=True):
    """A house of the catalogue; fields as in ``Party``.

    Attributes:
        provider_kinds: kinds of ``[[provider]]`` that are this house.
    """

    id: str
    name: str
    kind: PartyKind
    source: str
    owned_by: tuple[str, ...] = ()
    relays_via: tuple[str, ...] = ()
    runs_on: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    provider_kinds: tuple[str, ...] = ()

    def party(self) -> Party:
        """As the register has it."""
        return Party(
            self.id,
            self.name,
            relays_via=self.relays_via,
            owned_by=self.owned_by,
            runs_on=self.runs_on,
            kind=self.kind,
            known=self.id,
            source=self.source,
        )


def _owner(name: str, called: str, source: str) -> Known:
    return Known(name, called, PartyKind.OWNER, source)


_HOUSES = (
    # Owners.
    _owner("twilio", "Twilio", "https://www.twilio.com/en-us/company"),
    _owner("intuit", "Intuit", "https://www.intuit.com/company/"),
    _owner("activecampaign", "ActiveCampaign", "https://www.activecampaign.com/about"),
    _owner("sinch", "Sinch", "https://www.sinch.com/about/"),
    _owner("amazon", "Amazon", "https://aws.amazon.com/what-is-aws/"),
    _owner("google", "Google", "https://about.google/"),
    _owner("microsoft", "Microsoft", "https://www.microsoft.com/en-us/about"),
    _owner("bird", "Bird", "https://bird.com/en-us/about"),
    _owner("ericsson", "Ericsson", "https://www.ericsson.com/en/about-us"),
    _owner("ibm", "IBM", "https://www.ibm.com/about"),
    _owner("okta-inc", "Okta, Inc.", "https://www.okta.com/company/"),
    # Mail and text messages.
    Known(
        "sendgrid",
        "Twilio SendGrid",
        PartyKind.MAIL,
        "https://www.twilio.com/en-us/security",
        owned_by=("twilio",),
        signs=("sendgrid.net", "sendgrid.com"),
        provider_kinds=("sendgrid",),
    ),
    Known(
        "twilio-sms",
        "Twilio Messaging",
        PartyKind.SMS,
        "https://www.twilio.com/en-us/company",
        owned_by=("twilio",),
        provider_kinds=("twilio",),
    ),
    Known(
        "mailchimp-transactional",
        "Mailchimp Transactional (Mandrill)",
        PartyKind.MAIL,
        "https://mailchimp.com/about/",
        owned_by=("intuit",),
        signs=("mandrillapp.com", "mcsv.net", "mcdlv.net", "rsgsv.net", "mailchimpapp.net"),
        provider_kinds=("mandrill",),
    ),
    Known(
        "postmark",
        "Postmark",
        PartyKind.MAIL,
        "https://postmarkapp.com/about",
        owned_by=("activecampaign",),
        signs=("mtasv.net", "postmarkapp.com"),
        provider_kinds=("postmark",),
    ),
    Known(
        "amazon-ses",
        "Amazon SES",
        PartyKind.MAIL,
        "https://docs.aws.amazon.com/ses/latest/dg/Welcome.html",
        owned_by=("amazon",),
        runs_on=("aws",),
        signs=("amazonses.com",),
        provider_kinds=("ses",),
    ),
    Known(
        "mailgun",
        "Mailgun",
        PartyKind.MAIL,
        "https://www.sinch.com/about/",
        owned_by=("sinch",),
        signs=("mailgun.org", "mailgun.com"),
        provider_kinds=("mailgun",),
    ),
    Known(
        "mailjet",
        "Mailjet",
        PartyKind.MAIL,
        "https://www.sinch.com/about/",
        owned_by=("sinch",),
        signs=("mailjet.com",),
        provider_kinds=("mailjet",),
    ),
    Known(
        "sinch-sms",
        "Sinch Messaging",
        PartyKind.SMS,
        "https://www.sinch.com/about/",
        owned_by=("sinch",),
    ),
    Known(
        "resend",
        "Resend",
        PartyKind.MAIL,
        "https://resend.com/legal/subprocessors",
        relays_via=("amazon-ses",),
        runs_on=("aws",),
        signs=("resend.com", "resend.dev"),
        provider_kinds=("resend",),
    ),
    Known(
        "sparkpost",
        "SparkPost (Bird)",
        PartyKind.MAIL,
        "https://bird.com/en-us/about",
        owned_by=("bird",),
        signs=("sparkpostmail.com", "e.sparkpost.com"),
        provider_kinds=("sparkpost",),
    ),
    Known(
        "vonage",
        "Vonage",
        PartyKind.SMS,
        "https://www.vonage.com/about-us/",
        owned_by=("ericsson",),
    ),
    # Machines, names, pages.
    Known(
        "aws",
        "Amazon Web Services",
        PartyKind.CLOUD,
        "https://aws.amazon.com/what-is-aws/",
        owned_by=("amazon",),
        signs=("amazonaws.com",),
    ),
    Known(
        "route53",
        "Amazon Route 53",
        PartyKind.DNS,
        "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/Welcome.html",
        owned_by=("amazon",),
        runs_on=("aws",),
        signs=("awsdns",),
    ),
    Known(
        "cloudfront",
        "Amazon CloudFront",
        PartyKind.CDN,
        "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Introduction.html",
        owned_by=("amazon",),
        runs_on=("aws",),
        signs=("cloudfront.net",),
    ),
    Known(
        "google-cloud",
        "Google Cloud",
        PartyKind.CLOUD,
        "https://cloud.google.com/",
        owned_by=("google",),
    ),
    Known(
        "google-cloud-dns",
        "Google Cloud DNS",
        PartyKind.DNS,
        "https://cloud.google.com/dns/docs/overview",
        owned_by=("google",),
        runs_on=("google-cloud",),
        signs=("googledomains.com",),
    ),
    Known(
        "azure",
        "Microsoft Azure",
        PartyKind.CLOUD,
        "https://azure.microsoft.com/",
        owned_by=("microsoft",),
    ),
    Known(
        "azure-dns",
        "Azure DNS",
        PartyKind.DNS,
        "https://learn.microsoft.com/en-us/azure/dns/dns-overview",
        owned_by=("microsoft",),
        runs_on=("azure",),
        signs=("azure-dns.com", "azure-dns.net", "azure-dns.org", "azure-dns.info"),
    ),
    Known(
        "cloudflare",
        "Cloudflare",
        PartyKind.CDN,
        "https://www.cloudflare.com/about-overview/",
        signs=("ns.cloudflare.com", "cdn.cloudflare.net"),
    ),
    Known("ns1", "NS1", PartyKind.DNS, "https://www.ibm.com/products/ns1-connect", ("ibm",)),
    Known(
        "godaddy",
        "GoDaddy",
        PartyKind.REGISTRAR,
        "https://www.godaddy.com/",
        signs=("domaincontrol.com",),
    ),
    Known(
        "namecheap",
        "Namecheap",
        PartyKind.REGISTRAR,
        "https://www.namecheap.com/about/",
        signs=("registrar-servers.com",),
    ),
    Known(
        "dnsimple",
        "DNSimple",
        PartyKind.DNS,
        "https://dnsimple.com/about",
        signs=("dnsimple.com", "dnsimple-edge.net"),
    ),
    Known("fastly", "Fastly", PartyKind.CDN, "https://www.fastly.com/", signs=("fastly.net",)),
    # Mailboxes and identities.
    Known(
        "google-workspace",
        "Google Workspace",
        PartyKind.MAILBOX,
        "https://workspace.google.com/",
        owned_by=("google",),
        signs=("google.com", "googlemail.com"),
    ),
    Known(
        "microsoft-365",
        "Microsoft 365",
        PartyKind.MAILBOX,
        "https://www.microsoft.com/en-us/microsoft-365",
        owned_by=("microsoft",),
        signs=("mail.protection.outlook.com", "spf.protection.outlook.com"),
    ),
    Known(
        "fastmail",
        "Fastmail",
        PartyKind.MAILBOX,
        "https://www.fastmail.com/about/",
        signs=("messagingengine.com",),
    ),
    Known(
        "proton",
        "Proton",
        PartyKind.MAILBOX,
        "https://proton.me/about",
        signs=("protonmail.ch", "proton.ch"),
    ),
    Known(
        "okta",
        "Okta",
        PartyKind.IDENTITY,
        "https://www.okta.com/company/",
        owned_by=("okta-inc",),
        signs=("okta.com",),
    ),
    Known(
        "auth0",
        "Auth0",
        PartyKind.IDENTITY,
        "https://auth0.com/about",
        owned_by=("okta-inc",),
        signs=("auth0.com",),
    ),
    Known(
        "zendesk",
        "Zendesk",
        PartyKind.SUPPORT,
        "https://www.zendesk.com/about/",
        signs=("zendesk.com",),
    ),
)

#: By id.
HOUSES: Mapping[str, Known] = {one.id: one for one in _HOUSES}
#: The house of a provider of a kind.
OF_PROVIDER: Mapping[str, str] = {kind: one.id for one in _HOUSES for kind in one.provider_kinds}


def shown_by(host: str) -> Known | None:
    """The house that a host name of a DNS record speaks of; None when it is none of these.

    A sign without a dot (``awsdns``) is looked for at the beginning of a label: Route 53 answers
    from ``ns-1.awsdns-00.com`` and its like.
    """
    name = host.rstrip(".").lower()
    best: tuple[int, Known] | None = None
    for one in _HOUSES:
        for sign in one.signs:
            if "." in sign:
                fits = name == sign or name.endswith(f".{sign}")
            else:
                fits = any(label.startswith(sign) for label in name.split("."))
            if fits and (best is None or len(sign) > best[0]):
                best = (len(sign), one)
    return None if best is None else best[1]
