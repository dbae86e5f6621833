"""`python -m tests.support.sending URL ORIGIN CERTIFICATE`: sends webhooks until it is killed."""

from __future__ import annotations

import ssl
import sys
import threading

from api.webhooks.hosts import AllowedHosts
from api.webhooks.keeping import WebhookRules
from api.webhooks.posting import Poster
from api.webhooks.sender import WebhookSender
from specreason.store.session import connect
from specreason.store.webhooks.outbox import Schedule

KEY = b"k" * 32


def main() -> None:
    database_url, origin, certificate = sys.argv[1:]
    tls = ssl.create_default_context(cafile=certificate)
    sender = WebhookSender(
        connect(database_url),
        WebhookRules(AllowedHosts.parse(origin), KEY),
        poster=Poster(resolve=lambda host, port: "127.0.0.1", tls=tls, timeout_s=60),
        schedule=Schedule(first_s=0.5, longest_s=0.5),
        every_s=0.1,
    )
    sender.start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
