"""What becomes of text that Postgres cannot hold."""

from __future__ import annotations

import pytest

from specreason.store.session import storable


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain ≠ 🧮", "plain ≠ 🧮"),
        ("a\0b\0", "a\ufffdb\ufffd"),
        ("\ud83e alone", "\ufffd alone"),
        ("\ud83e\uddee paired", "🧮 paired"),
        ("", ""),
    ],
)
def test_text_is_kept_but_for_what_postgres_cannot_hold(text: str, stored: str) -> None:
    assert storable(text) == stored
