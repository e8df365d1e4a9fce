"""Signatures of Standard Webhooks 1.0.0, symmetric scheme `v1` (https://www.standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64


def key_of(secret: str) -> bytes:
    """Return the key in a secret.

    Args:
        secret: whsec_ and base64 of 24 to 64 bytes.

    Raises:
        ValueError: it is something else; the message does not contain it.
    """
    remedy = f"make one with: echo {PREFIX}$(openssl rand -base64 32)"
    if not secret.startswith(PREFIX):
        raise ValueError(f"a secret of webhooks begins with {PREFIX}: {remedy}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"what follows {PREFIX} is not base64: {remedy}") from error
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise ValueError(f"the secret has {len(key)} bytes, {LEAST_BYTES} to {MOST_BYTES} are allowed: {remedy}")
    return key


def signed_headers(keys: Sequence[bytes], webhook_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a request.

    Args:
        keys: one, or two during a rotation: the receiver may verify with either.
        webhook_id: the same for each attempt.
        timestamp_s: of the attempt, seconds since 1970.
        body: as it is sent.
    """
    signed = f"{webhook_id}.{timestamp_s}.".encode() + body
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }
