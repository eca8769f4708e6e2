"""Signatures over exactly the bytes that travel.

Parameters are percent-encoded first and signed after; what was signed is what is sent, byte for byte. A scheme that
encodes after signing works until the first symbol that is not ASCII.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from config.schema import Secrets


class KeyUnusable(Exception):
    """A key file that is missing, unreadable or of another kind; names the file, never its content."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class Signer(Protocol):
    """Makes the value of the `signature` parameter, ready for the wire."""

    api_key: str

    def sign(self, payload: bytes) -> str: ...


class HmacSigner:
    """HMAC-SHA256 in hex."""

    def __init__(self, api_key: str, secret: str) -> None:
        self.api_key = api_key
        self._secret = secret.encode()

    def sign(self, payload: bytes) -> str:
        return hmac.new(self._secret, payload, hashlib.sha256).hexdigest()


class Ed25519Signer:
    """Ed25519 in base64, percent-encoded."""

    def __init__(self, api_key: str, pem: bytes, origin: str = "the key") -> None:
        """Raises KeyUnusable for anything but an unencrypted Ed25519 key in PEM form."""
        self.api_key = api_key
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyUnusable(origin, "not an unencrypted private key in PEM form") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyUnusable(origin, "not an Ed25519 key")
        self._key = key

    def sign(self, payload: bytes) -> str:
        return quote(base64.b64encode(self._key.sign(payload)).decode(), safe="")


def signer_from(secrets: Secrets) -> Signer | None:
    """The signer the secrets allow; None without a key, for a desk that only watches.

    Raises KeyUnusable when a key file was named and cannot serve.
    """
    if not secrets.api_key:
        return None
    if secrets.ed25519_file:
        try:
            pem = Path(secrets.ed25519_file).expanduser().read_bytes()
        except OSError as error:
            raise KeyUnusable(secrets.ed25519_file, error.strerror or "cannot be read") from error
        return Ed25519Signer(secrets.api_key, pem, secrets.ed25519_file)
    return HmacSigner(secrets.api_key, secrets.api_secret) if secrets.api_secret else None


def encode(params: Mapping[str, str]) -> str:
    """Parameters as a query string: UTF-8, percent-encoded, in the order given."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params.items())


def signed_query(params: Mapping[str, str], signer: Signer) -> str:
    """A query string that ends with its own signature."""
    query = encode(params)
    return f"{query}&signature={signer.sign(query.encode('ascii'))}"
