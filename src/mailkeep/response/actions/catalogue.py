"""The registry of actions, in the order in which a person would take them."""

from . import (
    advise_exposed,
    cut_provider,
    distrust_events,
    emit_signals,
    hold_recoveries,
    notify_owners,
    page,
    require_factor,
    rest_provider,
    revoke_keys,
    revoke_recoveries,
    rotate_keys,
    secure_accounts,
)
from .port import Action

ACTIONS: dict[str, Action] = {
    one.name: one
    for one in (
        page.ACTION,
        cut_provider.ACTION,
        distrust_events.ACTION,
        revoke_recoveries.ACTION,
        hold_recoveries.ACTION,
        secure_accounts.ACTION,
        require_factor.ACTION,
        emit_signals.ACTION,
        notify_owners.ACTION,
        advise_exposed.ACTION,
        rotate_keys.ACTION,
        revoke_keys.ACTION,
        rest_provider.ACTION,
    )
}
