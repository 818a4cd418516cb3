"""Every action, in the order in which a person would take them."""

from . import (
    cut_provider,
    emit_signals,
    notify_owners,
    rest_provider,
    revoke_recoveries,
    secure_accounts,
)
from .port import Action

ACTIONS: dict[str, Action] = {
    one.name: one
    for one in (
        cut_provider.ACTION,
        revoke_recoveries.ACTION,
        secure_accounts.ACTION,
        emit_signals.ACTION,
        notify_owners.ACTION,
        rest_provider.ACTION,
    )
}
