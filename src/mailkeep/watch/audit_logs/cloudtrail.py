"""Reads AWS CloudTrail: console sign-ins, keys and users, SES, DNS.

Takes a log file (``Records``, as it lies in S3, packed or not), one record, a list of them, or an
event of EventBridge (``detail``). Source: docs.aws.amazon.com, CloudTrail record contents; AWS
Management Console sign-in events; IAM and Route 53 in CloudTrail.

A party is identified by the service (``ses.amazonaws.com``) or by the account's number. Failed acts
are skipped: anybody can try. So is what AWS's own services did.
"""

from datetime import datetime
from typing import Final

import msgspec

from mailkeep.watch.console_types import Act, Read, Told

from .lines import MAX_WORD, address, alone, bounded, decode, each, instant, split, words

KIND: Final = "cloudtrail"
OWN: Final = "*"

_SIGN_IN: Final = frozenset({"ConsoleLogin", "SwitchRole"})
_KEYS: Final = frozenset(
    {
        *("CreateAccessKey", "UpdateAccessKey", "CreateServiceSpecificCredential"),
        *("ResetServiceSpecificCredential", "UploadSigningCertificate", "UploadSSHPublicKey"),
    }
)
_USERS: Final = frozenset(
    {
        *("CreateUser", "CreateRole", "CreateLoginProfile", "UpdateLoginProfile"),
        *("AddUserToGroup", "UpdateAssumeRolePolicy"),
        *("DeactivateMFADevice", "DeleteVirtualMFADevice"),
        *("AttachUserPolicy", "AttachGroupPolicy", "AttachRolePolicy"),
        *("PutUserPolicy", "PutGroupPolicy", "PutRolePolicy", "CreatePolicyVersion"),
        *("CreateSAMLProvider", "UpdateSAMLProvider", "CreateOpenIDConnectProvider"),
    }
)
_DNS: Final = frozenset(
    {
        *("ChangeResourceRecordSets", "CreateHostedZone", "DeleteHostedZone"),
        *("UpdateDomainNameservers", "DisableDomainTransferLock", "RetrieveDomainAuthCode"),
        *("TransferDomainToAnotherAwsAccount", "UpdateDomainContact", "DeleteDomain"),
    }
)
#: Beginnings of what changes SES; what it lists and gets changes nothing.
_CHANGES: Final = ("Create", "Put", "Update", "Delete", "Set", "Verify", "Clone", "Reorder", "Tag")
_SES: Final = frozenset({"ses.amazonaws.com", "email.amazonaws.com"})
_NAMES: Final = frozenset({"route53.amazonaws.com", "route53domains.amazonaws.com"})
MOST_ZONES = 50


class _Attributes(msgspec.Struct, rename="camel"):
    mfa_authenticated: str | None = None


class _Session(msgspec.Struct):
    attributes: _Attributes | None = None


class _Identity(msgspec.Struct, rename="camel"):
    type: str = ""
    principal_id: str | None = None
    arn: str | None = None
    account_id: str | None = None
    user_name: str | None = None
    session_context: _Session | None = None


class _Record(msgspec.Struct, rename="camel"):
    event_time: datetime
    event_source: str
    event_name: str
    event_id: str = msgspec.field(name="eventID")
    user_identity: _Identity
    source: str | None = msgspec.field(name="sourceIPAddress", default=None)
    error_code: str | None = None
    recipient_account_id: str | None = None
    request_parameters: msgspec.Raw = msgspec.Raw(b"null")
    response_elements: msgspec.Raw = msgspec.Raw(b"null")
    additional_event_data: msgspec.Raw = msgspec.Raw(b"null")


class _Login(msgspec.Struct, rename="pascal"):
    console_login: str | None = None
    switch_role: str | None = None


class _Factor(msgspec.Struct):
    used: str | None = msgspec.field(name="MFAUsed", default=None)


class _Named(msgspec.Struct):
    name: str


class _Change(msgspec.Struct, rename="camel"):
    resource_record_set: _Named


class _Batch(msgspec.Struct):
    changes: list[_Change]


class _Parameters(msgspec.Struct, rename="camel"):
    change_batch: _Batch | None = None
    domain_name: str | None = None
    name: str | None = None


class _File(msgspec.Struct):
    records: list[msgspec.Raw] = msgspec.field(name="Records")


class _Bridge(msgspec.Struct):
    detail: msgspec.Raw


def read(text: bytes) -> Read:
    """What a log file, a list, a record or an event tells. Raises ``Invalid``: it is none."""
    if text.lstrip()[:1] != b"{":
        return each(split(text), _Record, _told)
    file = decode(text, _File)
    if file is not None:
        return each(bounded(file.records), _Record, _told)
    bridge = decode(text, _Bridge)
    return each(alone(text) if bridge is None else [bridge.detail], _Record, _told)


def _told(record: _Record) -> Told | None:
    who, act = record.user_identity, _act(record)
    at = instant(record.event_time)
    if act is None or at is None or record.error_code or who.type == "AWSService":
        return None
    zones = _zones(record) if act is Act.DNS else ()
    return Told(
        record.event_id,
        at,
        act,
        words(record.event_source, record.recipient_account_id, who.account_id, OWN),
        (who.arn or who.principal_id or who.user_name or "")[:MAX_WORD],
        (who.user_name or who.arn or "")[:MAX_WORD],
        address(record.source),
        _factor(record),
        who.type == "Root",
        zones,
        record.event_name[:MAX_WORD],
    )


def _act(record: _Record) -> Act | None:
    name, source = record.event_name, record.event_source
    if source == "signin.amazonaws.com":
        login = decode(record.response_elements, _Login)
        result = None if login is None else login.console_login or login.switch_role
        return Act.SIGN_IN if name in _SIGN_IN and result == "Success" else None
    if source == "iam.amazonaws.com":
        return Act.KEY if name in _KEYS else Act.USER if name in _USERS else None
    if source in _NAMES:
        return Act.DNS if name in _DNS else None
    if source in _SES:
        return Act.CHANGE if name.startswith(_CHANGES) else None
    return None


def _factor(record: _Record) -> bool | None:
    told = decode(record.additional_event_data, _Factor)
    if told is not None and told.used:
        return told.used == "Yes"
    session = record.user_identity.session_context
    word = session.attributes.mfa_authenticated if session and session.attributes else None
    return None if word is None else word == "true"


def _zones(record: _Record) -> tuple[str, ...]:
    found = decode(record.request_parameters, _Parameters)
    if found is None:
        return ()
    names = [found.domain_name, found.name]
    if found.change_batch is not None:
        names += [one.resource_record_set.name for one in found.change_batch.changes[:MOST_ZONES]]
    # Route 53 writes names with their dot, and a star as \\052.
    return words(*(one and one.rstrip(".").lower().removeprefix("\\052.") for one in names))
