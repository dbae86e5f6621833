"""Hashing runs beside the start of the engines; if it fails, they are ended at once."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from typing import Any

import pytest

from specreason.engines import pair as module
from specreason.engines.pair import load_pair
from specreason.errors import EngineDead, InputError
from specreason.pairs import load_pairs
from tests.support.messages import naming

LOADING_S = 120.0


@pytest.fixture
def _engines_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the engines, a process that would load for LOADING_S seconds."""

    async def start_engines(*_: object, **__: object) -> dict[Any, Any]:
        process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(LOADING_S,))
        process.start()
        await asyncio.to_thread(process.join)
        raise EngineDead(f"the process ended with {process.exitcode}")

    monkeypatch.setattr(module, "start_engines", start_engines)
    monkeypatch.setattr(module, "set_defaults", lambda *_, **__: None)


@pytest.mark.usefixtures("_engines_of_one_process")
def test_a_file_of_weights_that_cannot_be_read_ends_the_start_of_the_engines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "fingerprint", fail)
    started = time.monotonic()
    with pytest.raises(InputError, match=naming("demo", "Input/output error")):
        asyncio.run(load_pair("demo", load_pairs()["demo"], lambda line: None))
    assert time.monotonic() - started < LOADING_S / 2
    assert multiprocessing.active_children() == []
