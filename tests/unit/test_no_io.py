"""The rules of the unit tests hold."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest

from tests.support.no_io import DoesIO
from tests.support.virtual_time import Clock, in_virtual_time


def test_a_unit_test_starts_no_process_and_does_not_sleep() -> None:
    with pytest.raises(DoesIO, match="process"):
        subprocess.run([sys.executable, "--version"], check=False)
    with pytest.raises(DoesIO, match="sleeps"):
        time.sleep(0.1)


def test_a_coroutine_does_not_sleep_on_a_real_clock() -> None:
    with pytest.raises(DoesIO, match="sleeps"):
        asyncio.run(asyncio.sleep(0.1))
    asyncio.run(asyncio.sleep(0))


def test_a_coroutine_may_sleep_in_virtual_time() -> None:
    async def sleep(clock: Clock) -> float:
        await asyncio.sleep(7)
        return clock()

    assert in_virtual_time(sleep) == 7


def test_a_unit_test_gets_no_folder_to_write_in(request: pytest.FixtureRequest) -> None:
    with pytest.raises(DoesIO, match="files"):
        request.getfixturevalue("tmp_path")
