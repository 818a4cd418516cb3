"""Users are registered with Mailkeep: as they are saved, and all of them by a command."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.signals import post_delete, post_save

from . import client, conf
from .client import Refused

log = logging.getLogger(__name__)

#: Half of the changes that Mailkeep takes in a day before it calls them a mass rewrite: what is
#: answered for is not counted, so each batch is answered for before the next one is sent. The other
#: half is for what users change themselves.
BATCH = 10
CHUNK = 500  #: users read at once
TOO_MANY = 429


def listen() -> None:
    """Register a user when they are saved, and have one forgotten who is deleted."""
    users: Any = get_user_model()
    post_save.connect(on_saved, sender=users, dispatch_uid="mailkeep_saved")
    post_delete.connect(on_deleted, sender=users, dispatch_uid="mailkeep_deleted")
    # allauth keeps addresses and factors in rows of their own.
    for label, model in (("account", "EmailAddress"), ("mfa", "Authenticator")):
        if apps.is_installed(f"allauth.{label}"):
            theirs: Any = apps.get_model(label, model)
            post_save.connect(on_changed, sender=theirs, dispatch_uid=f"mailkeep_{label}_saved")
            post_delete.connect(on_changed, sender=theirs, dispatch_uid=f"mailkeep_{label}_gone")


def described(user: Any) -> dict[str, Any] | None:
    """A user as Mailkeep is told; None for one who is not reached anywhere, or who signs in some
    other way: who is not known there is sent no mail, and nobody is told so."""
    addresses = conf.addresses_of(user)
    if not addresses or not user.is_active or not conf.may_have_password(user):
        return None
    other = "kept_here" if conf.get("KEPT_BY_MAILKEEP") else "none"
    factor = "kept_there" if conf.factors().enabled(user) else other
    return {"subject": str(user.pk), "addresses": addresses[:5], "factor": factor}


def on_saved(
    instance: Any, update_fields: Iterable[str] | None = None, raw: bool = False, **_: Any
) -> None:
    """After the commit: what is rolled back was never so."""
    if raw or not conf.get("REGISTER"):
        return
    if update_fields is not None and set(update_fields) <= {"last_login", "password"}:
        return
    transaction.on_commit(lambda: register_one(instance))


def on_changed(
    instance: Any, update_fields: Iterable[str] | None = None, raw: bool = False, **_: Any
) -> None:
    """An address or a factor of a user was added, confirmed or removed."""
    if raw or not conf.get("REGISTER") or set(update_fields or ()) == {"last_used_at"}:
        return
    users: Any = get_user_model()
    # A user who is being deleted takes their rows along; that they are is told by their own.
    user = users._default_manager.filter(pk=instance.user_id).first()
    if user is not None:
        transaction.on_commit(lambda: register_one(user))


def on_deleted(instance: Any, **_: Any) -> None:
    """Forgotten here, forgotten there."""
    if not conf.get("REGISTER"):
        return
    subject = str(instance.pk)

    def forget() -> None:
        try:
            client.forget(subject)
        except Refused as error:
            if error.status != 404:
                log.warning("mailkeep: user %s is not forgotten yet: %s", subject, error)

    transaction.on_commit(forget)


def register_one(user: Any) -> None:
    """Register one user. Where that fails the site goes on; the command makes up for it."""
    told = described(user)
    if told is None:
        return
    try:
        (result,) = client.register([told])
        answer_for(result)
    except Refused as error:
        log.warning("mailkeep: user %s is not registered: %s", user.pk, error)
        return
    if result["status"] == "refused":
        log.warning("mailkeep: user %s is refused: %s", user.pk, result["problem"]["detail"])


def answer_for(result: dict[str, Any]) -> bool:
    """Vouch for what opens no way into an account: who keeps the second factor. That another
    address is the user's they say themselves, in the mails that Mailkeep sends to the old one.
    Whether it was; raises ``Refused``."""
    user = result.get("subject") or {}
    held = user.get("held")
    if not held or held["agreed"] is not None or held["what"] != "replace":
        return False
    if (sorted(held["addresses"]), held["class"]) != (sorted(user["addresses"]), user["class"]):
        return False
    client.vouch(user["subject"], held["id"])
    return True


def register_all() -> Iterator[tuple[str, dict[str, Any]]]:
    """Register every user; each subject with what became of it. Raises ``Refused``.

    Also when much changes at once, as on the day on which Mailkeep begins to keep second factors.
    """
    users: Any = get_user_model()
    batch: list[dict[str, Any]] = []
    for user in users._default_manager.order_by("pk").iterator(chunk_size=CHUNK):
        told = described(user)
        if told is not None:
            batch.append(told)
        if len(batch) == BATCH:
            yield from _send(batch)
            batch = []
    if batch:
        yield from _send(batch)


def _send(batch: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    answered = True
    while batch and answered:
        results = client.register(batch)
        answered, again = False, []
        for told, result in zip(batch, results, strict=True):
            answered |= answer_for(result)
            # Its share of a day is free again for what was answered for.
            if result["status"] == "refused" and result["problem"]["status"] == TOO_MANY:
                again.append((told, result))
            else:
                yield told["subject"], result
        batch = [told for told, _ in again]
    if batch:
        yield from ((told["subject"], result) for told, result in again)
