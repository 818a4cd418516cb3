"""Every action, in the order in which a person would take them."""

from . import cut_provider, notify_owners, rest_provider, revoke_recoveries, secure_accounts
from .port import Action

ACTIONS: dict[str, Action] = {
    one.name: one
    for one in (
        cut_provider.ACTION,
        revoke_recoveries.ACTION,
        secure_accounts.ACTION,
        notify_owners.ACTION,
        rest_provider.ACTION,
    )
}
