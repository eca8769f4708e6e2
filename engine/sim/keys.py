"""The two keys of the simulated user, the same for the same seed; they open nothing but this exchange."""

from __future__ import annotations

import base64
import hmac
import string
from dataclasses import dataclass
from hashlib import sha256
from random import Random

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

LENGTH = 64
_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Keys:
    """An HMAC key and an Ed25519 key of one account."""

    api_key: str
    api_secret: str
    ed25519_api_key: str
    ed25519_private_key: str  # PEM, PKCS #8
    account: str = "main"

    @staticmethod
    def of(seed: int) -> Keys:
        rng = Random(f"keys {seed}")
        api_key, secret, second = ("".join(rng.choices(_ALPHABET, k=LENGTH)) for _ in range(3))
        pem = _private(seed).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return Keys(api_key, secret, second, pem)


class Verifier:
    """Tells whether a signature belongs to a payload and a key."""

    def __init__(self, keys: Keys, seed: int) -> None:
        self._keys = keys
        self._public = _private(seed).public_key()

    def account(self, api_key: str) -> str | None:
        """Whose key this is."""
        return self._keys.account if api_key in (self._keys.api_key, self._keys.ed25519_api_key) else None

    def is_ed25519(self, api_key: str) -> bool:
        return api_key == self._keys.ed25519_api_key

    def fits(self, api_key: str, payload: bytes, signature: str) -> bool:
        """HMAC-SHA256 in hex of any case, or Ed25519 in base64, by the kind of the key."""
        if self.is_ed25519(api_key):
            return self._fits_ed25519(payload, signature)
        expected = hmac.new(self._keys.api_secret.encode(), payload, sha256).hexdigest()
        return hmac.compare_digest(expected, signature.lower().encode("utf-8", "replace").decode("ascii", "replace"))

    def _fits_ed25519(self, payload: bytes, signature: str) -> bool:
        try:
            self._public.verify(base64.b64decode(signature, validate=True), payload)
        except (InvalidSignature, ValueError):
            return False
        return True


def well_formed(api_key: str | None) -> bool:
    return api_key is not None and len(api_key) == LENGTH and all(letter in _ALPHABET for letter in api_key)


def _private(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(f"ed25519 {seed}".encode()).digest())
