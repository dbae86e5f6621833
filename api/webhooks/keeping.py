"""Whether this deployment has webhooks, which hosts they may name, and their secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from api.webhooks.hosts import SETTING, AllowedHosts
from api.webhooks.signing import secret_of
from specreason.errors import InvalidField
from specreason.settings import Settings

KEY_SETTING = "SPECREASON_WEBHOOK_KEY"
SHORTEST_KEY = 32


@dataclass(frozen=True, slots=True)
class WebhookRules:
    """What an administrator has set. Made by `of`."""

    hosts: AllowedHosts
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> WebhookRules | None:
        """None while no host is allowed. Raises InvalidField for hosts that are none, and without a key."""
        hosts = AllowedHosts.parse(settings.webhook_hosts or "")
        if not hosts.origins:
            return None
        key = "" if settings.webhook_key is None else settings.webhook_key.get_secret_value()
        if len(key) < SHORTEST_KEY:
            raise InvalidField(
                KEY_SETTING,
                f"must have at least {SHORTEST_KEY} characters while {SETTING} allows hosts, such as "
                "`openssl rand -hex 32` prints",
            )
        return cls(hosts, key.encode())

    def secret_of(self, webhook_id: UUID) -> bytes:
        """The secret of one webhook, 32 bytes."""
        return secret_of(self.key, webhook_id)
