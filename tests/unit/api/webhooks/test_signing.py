"""Signatures are those of Standard Webhooks, and each webhook has a secret of its own."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any
from uuid import UUID

from api.webhooks.signing import hash_of, message_id, secret_of, signed_headers, written_secret

KEY, OTHER = b"k" * 32, b"o" * 32
FIRST, SECOND = UUID(int=1), UUID(int=2)


def test_the_signature_is_the_one_that_the_standards_own_libraries_make() -> None:
    """The example of Standard Webhooks' own tests."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = '{"test": 2432232314}'
    headers = signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_id_time_and_body_each_change_the_signature() -> None:
    secret = secret_of(KEY, FIRST)
    signatures = {
        signed_headers(secret, *message)["webhook-signature"]
        for message in (("a", 1, "{}"), ("b", 1, "{}"), ("a", 2, "{}"), ("a", 1, "[]"))
    }
    assert len(signatures) == 4


def test_each_webhook_and_each_key_has_another_secret_which_comes_back() -> None:
    secrets = {secret_of(key, id_) for key in (KEY, OTHER) for id_ in (FIRST, SECOND)}
    assert len(secrets) == 4
    assert secret_of(KEY, FIRST) == secret_of(KEY, FIRST)
    written = written_secret(secret_of(KEY, FIRST))
    assert written.startswith("whsec_")
    assert base64.b64decode(written.removeprefix("whsec_")) == secret_of(KEY, FIRST)
    assert hash_of(secret_of(KEY, FIRST)) not in written


def test_a_message_has_one_id() -> None:
    assert message_id(FIRST) == message_id(UUID(int=1)) != message_id(SECOND)


def test_the_code_of_the_page_on_webhooks_takes_our_messages_and_no_others() -> None:
    page = (Path(__file__).parents[4] / "docs" / "webhooks.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    secret = secret_of(KEY, FIRST)
    headers = signed_headers(secret, "msg_1", 1_700_000_000, "{}")
    assert names["is_ours"](written_secret(secret), headers, b"{}")
    assert not names["is_ours"](written_secret(secret), headers, b"[]")
    assert not names["is_ours"](written_secret(secret_of(OTHER, FIRST)), headers, b"{}")
