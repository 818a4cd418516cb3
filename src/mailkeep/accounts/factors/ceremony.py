"""WebAuthn registration and authentication: makes the options and verifies the responses (W3C Web
Authentication, level 3; pure).

The library reads CBOR, certificates and keys of every kind, and takes a seventh of a second to
import, so it is imported by the first ceremony and not at the start.
"""

from collections.abc import Iterable

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import (
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from .types import Bound, Site

#: What a reader of hostile JSON, CBOR and keys may raise.
UNREADABLE = (WebAuthnException, ValueError, TypeError, KeyError, RecursionError)


def creation(
    site: Site,
    issuer: str,
    name: str,
    handle: bytes,
    challenge: bytes,
    there: Iterable[Bound],
    milliseconds: int,
) -> str:
    """The options for ``navigator.credentials.create``, as JSON.

    Args:
        issuer: whose account it is.
        name: of the account as the browser shows it.
        handle: of the account as the passkey keeps it.
        there: which not to make again.
    """
    options = generate_registration_options(
        rp_id=site.rp_id,
        rp_name=issuer,
        user_name=name,
        user_display_name=name,
        user_id=handle,
        challenge=challenge,
        timeout=milliseconds,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=_described(there),
    )
    return options_to_json(options)


def request(
    site: Site, challenge: bytes, there: Iterable[Bound], milliseconds: int, *, verified: bool
) -> str:
    """The options for ``navigator.credentials.get``, as JSON.

    Args:
        there: which may answer; none: any that the browser has for the site.
        verified: it has to verify its user.
    """
    options = generate_authentication_options(
        rp_id=site.rp_id,
        challenge=challenge,
        timeout=milliseconds,
        allow_credentials=_described(there),
        user_verification=UserVerificationRequirement.REQUIRED
        if verified
        else UserVerificationRequirement.PREFERRED,
    )
    return options_to_json(options)


def read_creation(answer: str) -> tuple[RegistrationCredential, bytes]:
    """What ``navigator.credentials.create`` returned, and the challenge that it says it answers.
    Raises one of ``UNREADABLE``."""
    read = parse_registration_credential_json(answer)
    return read, parse_client_data_json(read.response.client_data_json).challenge


def read_request(answer: str) -> tuple[AuthenticationCredential, bytes]:
    """What ``navigator.credentials.get`` returned, and the challenge that it says it answers.
    Raises one of ``UNREADABLE``."""
    read = parse_authentication_credential_json(answer)
    return read, parse_client_data_json(read.response.client_data_json).challenge


def created(site: Site, read: RegistrationCredential, challenge: bytes) -> VerifiedRegistration:
    """The passkey that was made for this site and challenge. Raises one of ``UNREADABLE``."""
    return verify_registration_response(
        credential=read,
        expected_challenge=challenge,
        expected_rp_id=site.rp_id,
        expected_origin=site.origin,
        require_user_verification=False,
    )


def proved(
    site: Site,
    read: AuthenticationCredential,
    challenge: bytes,
    public_key: bytes,
    *,
    verified: bool,
) -> VerifiedAuthentication:
    """What the key signed for this site and challenge. Raises one of ``UNREADABLE``.

    Args:
        verified: it has to have verified its user.
    """
    return verify_authentication_response(
        credential=read,
        expected_challenge=challenge,
        expected_rp_id=site.rp_id,
        expected_origin=site.origin,
        credential_public_key=public_key,
        credential_current_sign_count=0,  # judged when it is used, beside those that overtake
        require_user_verification=verified,
    )


def _described(there: Iterable[Bound]) -> list[PublicKeyCredentialDescriptor]:
    known = {one.value: one for one in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=one.credential,
            transports=[known[way] for way in one.transports.split(",") if way in known],
        )
        for one in there
    ]
