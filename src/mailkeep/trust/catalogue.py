"""A catalogue of well-known companies: who owns them, whose machines they use, how DNS shows them.

An entry ties whoever registers one of these companies as a party, so that two brands of one owner
never look like two parties. It was true by the source beside it on the day on which that was last
read. Whose words those are is said (``Word``): what neither a house nor its owner says of itself is
not confirmed, ties all the same, and is shown as such. A source vouches for the owner, and for the
``signs`` where it shows records; other signs are what customers' records commonly show. Ownership
changes: whoever knows better says so in the register, with a reason and a day (``independent``).

``signs`` are endings of names: of MX hosts, of what an SPF record includes, of the targets of CNAME
records of DKIM selectors and of tracking and return-path names, and of name servers.
"""

import re
from collections.abc import Mapping

from mailkeep.base.addresses import organisation

from .known import Known, Word
from .types import PartyKind

_LAST = "2026-11-28"  #: when the sources were last gone through


def _owner(name: str, called: str) -> Known:
    """Of an owner nothing is said but whom it owns, and that stands there with its source."""
    return Known(name, called, PartyKind.OWNER)


_HOUSES = (
    # Owners.
    _owner("twilio", "Twilio"),
    _owner("intuit", "Intuit"),
    _owner("activecampaign", "ActiveCampaign"),
    _owner("sinch", "Sinch"),
    _owner("amazon", "Amazon"),
    _owner("google", "Google"),
    _owner("microsoft", "Microsoft"),
    _owner("bird", "Bird"),
    _owner("ericsson", "Ericsson"),
    _owner("ibm", "IBM"),
    _owner("okta-inc", "Okta, Inc."),
    # Mail and text messages.
    Known(
        "sendgrid",
        "Twilio SendGrid",
        PartyKind.MAIL,
        "https://www.twilio.com/docs/sendgrid",
        "2026-11-29",
        owned_by=("twilio",),
        signs=("sendgrid.net", "sendgrid.com"),
        provider_kinds=("sendgrid",),
    ),
    Known(
        "twilio-sms",
        "Twilio Messaging",
        PartyKind.SMS,
        "https://www.twilio.com/docs/messaging/",
        "2026-11-29",
        owned_by=("twilio",),
        provider_kinds=("twilio",),
    ),
    Known(
        "mailchimp-transactional",
        "Mailchimp Transactional (Mandrill)",
        PartyKind.MAIL,
        "https://mailchimp.com/legal/terms",
        "2026-11-29",
        owned_by=("intuit",),
        signs=("mandrillapp.com", "mcsv.net", "mcdlv.net", "rsgsv.net", "mailchimpapp.net"),
        provider_kinds=("mandrill",),
    ),
    Known(
        "postmark",
        "Postmark",
        PartyKind.MAIL,
        "https://www.activecampaign.com/legal/privacy-policy",
        "2026-11-29",
        owned_by=("activecampaign",),
        signs=("mtasv.net", "postmarkapp.com"),
        provider_kinds=("postmark",),
    ),
    Known(
        "amazon-ses",
        "Amazon SES",
        PartyKind.MAIL,
        "https://docs.aws.amazon.com/goto/WebAPI/email/SetIdentityMailFromDomain",
        _LAST,
        owned_by=("amazon",),
        runs_on=("aws",),
        signs=("amazonses.com",),
        provider_kinds=("ses",),
    ),
    Known(
        "mailgun",
        "Mailgun",
        PartyKind.MAIL,
        "https://documentation.mailgun.com/docs/inboxready/mailgun-validate/onboarding-validate",
        _LAST,
        owned_by=("sinch",),
        signs=("mailgun.org", "mailgun.com"),
        provider_kinds=("mailgun",),
    ),
    Known(
        "mailjet",
        "Mailjet",
        PartyKind.MAIL,
        "https://documentation.mailgun.com/docs/inboxready/mailgun-validate/onboarding-validate",
        _LAST,
        owned_by=("sinch",),
        signs=("mailjet.com",),
        provider_kinds=("mailjet",),
    ),
    Known(
        "sinch-sms",
        "Sinch Messaging",
        PartyKind.SMS,
        "https://developers.sinch.com/docs/sms/overview/",
        "2026-11-29",
        owned_by=("sinch",),
    ),
    Known(
        "resend",
        "Resend",
        PartyKind.MAIL,
        "https://resend.com/docs/api-reference/domains",
        "2026-11-29",
        relays_via=("amazon-ses",),
        runs_on=("aws",),
        signs=("resend.com", "resend.dev"),
        provider_kinds=("resend",),
    ),
    Known(
        "sparkpost",
        "SparkPost (Bird)",
        PartyKind.MAIL,
        # The logo of its own documentation: "Bird (bird.com Inc.)".
        "https://github.com/SparkPost/support-docs/blob/main/components/site/logo.tsx",
        "2026-11-30",
        also=("https://support.sparkpost.com/docs/faq/sparkpost-eu-faq",),
        owned_by=("bird",),
        signs=("sparkpostmail.com", "sparkpost.com", "spgo.io"),
        provider_kinds=("sparkpost",),
    ),
    Known(
        "vonage",
        "Vonage",
        PartyKind.SMS,
        "https://websitehostingreview.org/cloud-saas/ericsson-completes-6-2-billion-vonage-"
        "acquisition/",
        _LAST,
        word=Word.OTHERS,
        owned_by=("ericsson",),
    ),
    Known(
        "bird-sms",
        "Bird (MessageBird) SMS",
        PartyKind.SMS,
        "https://docs.bird.com/applications/help-and-reference/data-protection/"
        "approved-subprocessors",
        "2026-11-29",
        owned_by=("bird",),
    ),
    # Machines, names, pages.
    Known(
        "aws",
        "Amazon Web Services",
        PartyKind.CLOUD,
        # Its imprint speaks of Amazon's trademarks and products; the names of its endpoints.
        "https://docs.aws.amazon.com/general/latest/gr/aws-general.pdf",
        "2026-11-30",
        owned_by=("amazon",),
        signs=("amazonaws.com",),
    ),
    Known(
        "route53",
        "Amazon Route 53",
        PartyKind.DNS,
        "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/SOA-NSrecords.html",
        _LAST,
        owned_by=("amazon",),
        runs_on=("aws",),
        signs=("awsdns",),
    ),
    Known(
        "cloudfront",
        "Amazon CloudFront",
        PartyKind.CDN,
        "https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_Aliases.html",
        _LAST,
        owned_by=("amazon",),
        runs_on=("aws",),
        signs=("cloudfront.net",),
    ),
    Known(
        "google-cloud",
        "Google Cloud",
        PartyKind.CLOUD,
        "https://cloud.google.com/dns/overview",
        _LAST,
        owned_by=("google",),
    ),
    Known(
        "google-cloud-dns",
        "Google Cloud DNS",
        PartyKind.DNS,
        "https://cloud.google.com/dns/overview",
        _LAST,
        owned_by=("google",),
        runs_on=("google-cloud",),
        signs=("googledomains.com",),
    ),
    Known(
        "azure",
        "Microsoft Azure",
        PartyKind.CLOUD,
        "https://learn.microsoft.com/azure/security/fundamentals/infrastructure",
        "2026-11-30",
        also=("https://learn.microsoft.com/azure/security/fundamentals/azure-domains",),
        owned_by=("microsoft",),
        signs=(
            *("cloudapp.net", "cloudapp.azure.com", "azurewebsites.net", "azure-api.net"),
            *("trafficmanager.net", "azurefd.net", "azureedge.net", "core.windows.net"),
        ),
    ),
    Known(
        "azure-dns",
        "Azure DNS",
        PartyKind.DNS,
        "https://github.com/MicrosoftDocs/azure-docs/blob/main/articles/dns/"
        "dns-delegate-domain-azure-dns.md",
        "2026-11-29",
        owned_by=("microsoft",),
        runs_on=("azure",),
        signs=("azure-dns.com", "azure-dns.net", "azure-dns.org", "azure-dns.info"),
    ),
    Known(
        "cloudflare",
        "Cloudflare",
        PartyKind.CDN,
        "https://developers.cloudflare.com/dns/nameservers/index.md",
        _LAST,
        signs=("ns.cloudflare.com", "cdn.cloudflare.net"),
    ),
    Known(
        "ns1",
        "NS1",
        PartyKind.DNS,
        "https://www.ibm.com/docs/en/SSSYGZ/getting_started/using_the_ns1_connect_api.html",
        _LAST,
        owned_by=("ibm",),
        signs=("nsone.net",),
    ),
    Known(
        "godaddy",
        "GoDaddy",
        PartyKind.REGISTRAR,
        "https://grokipedia.com/page/Default_nameservers",
        _LAST,
        word=Word.OTHERS,
        signs=("domaincontrol.com",),
    ),
    Known(
        "namecheap",
        "Namecheap",
        PartyKind.REGISTRAR,
        "https://www.namecheap.com/support/knowledgebase/article.aspx/767/10/"
        "how-to-change-dns-for-a-domain/",
        "2026-11-30",
        signs=("registrar-servers.com",),
    ),
    Known(
        "dnsimple",
        "DNSimple",
        PartyKind.DNS,
        "https://support.dnsimple.com/articles/name-servers-glossary/",
        _LAST,
        signs=("dnsimple.com", "dnsimple-edge"),
    ),
    Known(
        "fastly",
        "Fastly",
        PartyKind.CDN,
        "https://www.fastly.com/documentation/learning/concepts/routing-traffic-to-fastly/",
        _LAST,
        signs=("fastly.net",),
    ),
    # Mailboxes and identities.
    Known(
        "google-workspace",
        "Google Workspace",
        PartyKind.MAILBOX,
        "https://developers.google.com/workspace/gmail/postmaster/guides/domain",
        "2026-11-29",
        owned_by=("google",),
        signs=("google.com", "googlemail.com"),
    ),
    Known(
        "microsoft-365",
        "Microsoft 365",
        PartyKind.MAILBOX,
        "https://github.com/MicrosoftDocs/microsoft-365-docs/blob/public/microsoft-365/"
        "enterprise/external-domain-name-system-records.md",
        "2026-11-29",
        owned_by=("microsoft",),
        signs=("mail.protection.outlook.com", "spf.protection.outlook.com", "microsoftonline.com"),
    ),
    Known(
        "fastmail",
        "Fastmail",
        PartyKind.MAILBOX,
        "https://www.fastmail.help/hc/en-us/articles/360060591153",
        "2026-11-29",
        signs=("messagingengine.com", "fmhosted.com"),
    ),
    Known(
        "proton",
        "Proton",
        PartyKind.MAILBOX,
        "https://proton.me/support/custom-domain",
        "2026-11-30",
        signs=("protonmail.ch", "domains.proton.ch"),
    ),
    Known(
        "okta",
        "Okta",
        PartyKind.IDENTITY,
        "https://developer.okta.com/copyright/",
        "2026-11-30",
        also=("https://developer.okta.com/docs/concepts/okta-organizations/",),
        owned_by=("okta-inc",),
        signs=("okta.com", "oktapreview.com", "okta-emea.com"),
    ),
    Known(
        "auth0",
        "Auth0",
        PartyKind.IDENTITY,
        "https://developer.okta.com/copyright/",
        "2026-11-30",
        # Its public cloud; a private one is on Azure where the customer chose that.
        also=("https://auth0.com/platform/cloud-deployment/aws",),
        owned_by=("okta-inc",),
        runs_on=("aws",),
        signs=("auth0.com",),
    ),
    Known(
        "zendesk",
        "Zendesk",
        PartyKind.SUPPORT,
        "https://support.zendesk.com/hc/en-us/articles/4867238761626-What-are-SPF-DNS-and-"
        "TXT-records",
        _LAST,
        signs=("zendesk.com",),
    ),
)

#: By id.
HOUSES: Mapping[str, Known] = {one.id: one for one in _HOUSES}
#: The house of a provider of a kind.
OF_PROVIDER: Mapping[str, str] = {kind: one.id for one in _HOUSES for kind in one.provider_kinds}


def shown_by(host: str) -> Known | None:
    """The company that a host name in a DNS record belongs to; None when it is none of these.

    A sign without a dot (``awsdns``) is a registered name, with two digits behind it or not, as in
    ``ns-1.awsdns-00.com``: anywhere else in a host anybody may write it.
    """
    name = host.rstrip(".").lower()
    registered = organisation(name)
    best: tuple[int, Known] | None = None
    for one in _HOUSES:
        for sign in one.signs:
            ends = f".{name}".endswith(f".{sign}")
            fits = ends if "." in sign else re.match(rf"{sign}(-[0-9]{{2}})?\.", registered)
            if fits and (best is None or len(sign) > best[0]):
                best = (len(sign), one)
    return None if best is None else best[1]
