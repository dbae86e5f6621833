"""Whether the key of a request that stays open still counts."""

from __future__ import annotations

from fastapi import Request

from api.deployment import deployment_of
from api.door.authenticator import authorization_of


def is_still_admitted(request: Request) -> bool:
    """False once the key is revoked; True while keys are off. Counts no request. Blocks; raises StoreUnavailable."""
    authenticator = deployment_of(request).authenticator
    return authenticator is None or authenticator.knows(authorization_of(request.headers))
