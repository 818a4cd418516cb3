"""Errors that provider adapters raise. None holds an address, a body or a key in its text."""

from mailkeep.base.errors import MailkeepError


class ProviderError(MailkeepError):
    """Anything this room raises."""

    slug = "provider"


class UnknownProvider(ProviderError):
    """No module of that kind; the text names the nearest one."""

    slug = "unknown-provider"


class MisconfiguredProvider(ProviderError):
    """The provider's settings cannot be used as they are; no message can be built from them."""

    slug = "misconfigured-provider"


class UnbuildableMessage(ProviderError):
    """This message cannot be written safely for any provider: another one would refuse it too."""

    slug = "unbuildable-message"
    status = 422


class ForgedWebhook(ProviderError):
    """The request does not prove that it comes from the provider. Nothing of it may be read."""

    slug = "forged-webhook"
    status = 401


class MalformedWebhook(ProviderError):
    """A verified request that cannot be read, or is past a bound. No claim was taken from it."""

    slug = "malformed-webhook"
    status = 400
