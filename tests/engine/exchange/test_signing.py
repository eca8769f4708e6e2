"""What is signed is what is sent."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from config.schema import Secrets
from engine.exchange.signing import Ed25519Signer, HmacSigner, KeyUnusable, encode, signed_query, signer_from

# The worked example of the exchange's own documentation.
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
ORDER = {
    "symbol": "LTCBTC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "0.1",
    "recvWindow": "5000", "timestamp": "1499827319559",
}  # fmt: skip
SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


def pem_of(key: object) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined,no-any-return]


def test_the_documented_example_signs_as_documented() -> None:
    assert signed_query(ORDER, HmacSigner("key", SECRET)).endswith(f"&signature={SIGNATURE}")


def test_parameters_are_encoded_first_and_the_signature_is_over_those_bytes() -> None:
    signer = HmacSigner("key", "secret")
    query = signed_query({"symbol": "币安人生USDT", "note": "a b&c=d"}, signer)
    body, _, signature = query.rpartition("&signature=")
    assert body == "symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT&note=a%20b%26c%3Dd"
    assert signature == signer.sign(body.encode())
    assert encode({}) == ""


def test_ed25519_signs_the_same_bytes_in_percent_encoded_base64(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    path = tmp_path / "key.pem"
    path.write_bytes(pem_of(key))
    signer = signer_from(Secrets(api_key="K", ed25519_file=str(path)))
    assert isinstance(signer, Ed25519Signer)
    query = signed_query(ORDER, signer)
    body, _, signature = query.rpartition("&signature=")
    assert not set("+/=") & set(signature)
    key.public_key().verify(base64.b64decode(unquote(signature)), body.encode())


@pytest.mark.parametrize("content", [b"", b"nonsense", pem_of(generate_private_key(SECP256R1()))])
def test_a_key_file_that_cannot_serve_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    with pytest.raises(KeyUnusable, match=r"key\.pem"):
        signer_from(Secrets(api_key="K", ed25519_file=str(path)))
    with pytest.raises(KeyUnusable, match="missing"):
        signer_from(Secrets(api_key="K", ed25519_file=str(tmp_path / "missing.pem")))


def test_without_a_whole_key_there_is_no_signer() -> None:
    assert signer_from(Secrets()) is None
    assert signer_from(Secrets(api_key="K")) is None
    assert isinstance(signer_from(Secrets(api_key="K", api_secret="S")), HmacSigner)
