"""Passkeys as browsers speak them: Web Authentication Level 3, with Yubico's `fido2` for what an answer must hold.

What this store asks for: a passkey that the authenticator can find by itself (discoverable), and that it knows its
user (user verification) each time. Who made the authenticator is not asked (attestation "none"): a store that trusts
some makes only would have to keep a list of them.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestationConveyancePreference,
    AttestationObject,
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    AuthenticatorData,
    CollectedClientData,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from unqueue.server.staff.credentials import CREDENTIAL_ID_BYTES_MAX, PasskeyRefused
from unqueue.server.staff.tickets import LIFE_S, from_url_safe, url_safe

_REQUIRED = UserVerificationRequirement.REQUIRED
# What fido2 raises on bytes that are no WebAuthn: it reads them without a schema. AssertionError: it asserts that a
# new passkey came with its key; NotImplementedError: a key of a kind that it can't use.
_UNREADABLE = (
    ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError, NotImplementedError, OverflowError,
    RecursionError, struct.error, UnsupportedAlgorithm,
)  # fmt: skip


class Creation(msgspec.Struct, frozen=True):
    """A browser's answer to "make a passkey", in base64url: the client data, and the attestation object."""

    client_data: str
    attestation: str


class Assertion(msgspec.Struct, frozen=True):
    """A browser's answer to "sign in", in base64url; ``user_handle`` is what discoverable passkeys bring along."""

    credential_id: str
    client_data: str
    authenticator_data: str
    signature: str
    user_handle: str = ""


class Made(msgspec.Struct, frozen=True):
    """A new passkey: its attested credential data, the id in it, and its first counter."""

    credential: bytes
    credential_id: bytes
    sign_count: int


class RelyingParty:
    """This store towards browsers. ``host`` is what passkeys are bound to, ``origin`` where the console is opened."""

    def __init__(self, *, host: str, origin: str, name: str) -> None:
        self._origin = origin
        party = PublicKeyCredentialRpEntity(id=host, name=name)
        self._server = Fido2Server(
            party, AttestationConveyancePreference.NONE, verify_origin=lambda shown: shown == origin
        )

    def creation_options(
        self, ticket: bytes, *, user_id: str, user_name: str, known: Iterable[bytes]
    ) -> dict[str, Any]:
        """PublicKeyCredentialCreationOptionsJSON; ``known`` are the user's passkeys, whose devices need no second."""
        options, _ = self._server.register_begin(
            PublicKeyCredentialUserEntity(id=user_id.encode(), name=user_name, display_name=user_name),
            credentials=[_descriptor(AttestedCredentialData(one).credential_id) for one in known],
            resident_key_requirement=ResidentKeyRequirement.REQUIRED,
            user_verification=_REQUIRED,
            challenge=ticket,
        )
        return _json(options.public_key)

    def request_options(self, ticket: bytes) -> dict[str, Any]:
        """PublicKeyCredentialRequestOptionsJSON: any passkey of this store will do."""
        options, _ = self._server.authenticate_begin(user_verification=_REQUIRED, challenge=ticket)
        return _json(options.public_key)

    def check_creation(self, answer: Creation) -> Made:
        """The new passkey, once everything about it holds but its ticket. PasskeyRefused.

        Source: Web Authentication Level 3, section 7.1.
        """
        try:
            client_data = self._client_data(answer.client_data)
            response = AuthenticatorAttestationResponse(
                client_data=client_data, attestation_object=AttestationObject(from_url_safe(answer.attestation))
            )
            data = AuthenticatorData(response.attestation_object.auth_data)
            made = data.credential_data
            if made is None or made.public_key.ALGORITHM not in CoseKey.supported_algorithms():
                raise ValueError("a key of a kind that was not asked for")
            registration = RegistrationResponse(raw_id=made.credential_id, response=response)
            self._server.register_complete(_state(client_data), registration)
        except _UNREADABLE as error:
            raise PasskeyRefused(why=_why(error)) from error
        if not 0 < len(made.credential_id) <= CREDENTIAL_ID_BYTES_MAX:
            raise PasskeyRefused(why="its id is too long")
        return Made(bytes(made), made.credential_id, data.counter)

    def check_assertion(self, answer: Assertion, credential: bytes, user_id: str) -> int:
        """The counter that a passkey shows, once everything about the answer holds but its ticket. PasskeyRefused.

        Source: Web Authentication Level 3, section 7.2.
        """
        try:
            client_data = self._client_data(answer.client_data)
            data = AuthenticatorData(from_url_safe(answer.authenticator_data))
            handle = from_url_safe(answer.user_handle)
            if handle != user_id.encode():
                raise ValueError("another person's user handle")
            response = AuthenticatorAssertionResponse(
                client_data=client_data,
                authenticator_data=data,
                signature=from_url_safe(answer.signature),
                user_handle=handle,
            )
            authentication = AuthenticationResponse(raw_id=from_url_safe(answer.credential_id), response=response)
            self._server.authenticate_complete(
                _state(client_data), [AttestedCredentialData(credential)], authentication
            )
        except _UNREADABLE as error:
            raise PasskeyRefused(why=_why(error)) from error
        return data.counter

    def _client_data(self, text: str) -> CollectedClientData:
        client_data = CollectedClientData(from_url_safe(text))
        if client_data.cross_origin:
            raise ValueError("asked for from within another site's page")
        return client_data


def challenge_of(client_data: str) -> bytes:
    """The ticket that a browser's answer carries. PasskeyRefused where there is none to be read."""
    try:
        return CollectedClientData(from_url_safe(client_data)).challenge
    except _UNREADABLE as error:
        raise PasskeyRefused(why=_why(error)) from error


def _state(client_data: CollectedClientData) -> dict[str, Any]:
    """What fido2 compares with. The challenge is the answer's own: that it is ours is the tickets' to say."""
    return {"challenge": url_safe(client_data.challenge), "user_verification": _REQUIRED}


def _json(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON, with how long the browser may ask, in milliseconds."""
    return {**options, "timeout": LIFE_S * 1000}


def _descriptor(credential_id: bytes) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=credential_id)


def _why(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
