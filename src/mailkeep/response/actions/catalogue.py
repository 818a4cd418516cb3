"""Every action, in the order in which a person would take them."""

from .cut_provider import CutProvider
from .notify_owners import NotifyOwners
from .port import Action
from .revoke_recoveries import RevokeRecoveries
from .secure_accounts import SecureAccounts

ACTIONS: dict[str, Action] = {
    one.name: one
    for one in (CutProvider(), RevokeRecoveries(), SecureAccounts(), NotifyOwners())
}
