"""Secrets of webhooks, and the signature of a message after Standard Webhooks (standardwebhooks.com).

A secret is an HMAC of the webhook's id under SPECREASON_WEBHOOK_KEY. So the database holds none: who reads a backup can
sign nothing. With another key all secrets are others, and each webhook has to be added again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from uuid import UUID

PREFIX = "whsec_"
PURPOSE = b"specreason webhook secret v1\0"


def secret_of(key: bytes, webhook_id: UUID) -> bytes:
    """The 32 bytes with which the messages of a webhook are signed."""
    return hmac.new(key, PURPOSE + webhook_id.bytes, hashlib.sha256).digest()


def written_secret(secret: bytes) -> str:
    """The secret as receivers take it."""
    return PREFIX + base64.b64encode(secret).decode()


def hash_of(secret: bytes) -> str:
    """The SHA-256 of the secret, hex: stored, to see that the key is still the same."""
    return hashlib.sha256(secret).hexdigest()


def message_id(delivery_id: UUID) -> str:
    """The `webhook-id` of a message: the same at every try."""
    return f"msg_{delivery_id.hex}"


def signed_headers(secret: bytes, id_: str, timestamp: int, body: str) -> dict[str, str]:
    """The three headers of a message. `timestamp` is in seconds since 1970, of this try."""
    signed = hmac.new(secret, f"{id_}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
