"""Settings come from the deployment files alone."""

from __future__ import annotations

import pytest

from specreason.settings import Settings


@pytest.fixture(autouse=True)
def _a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"SPECREASON_{field.upper()}", raising=False)
