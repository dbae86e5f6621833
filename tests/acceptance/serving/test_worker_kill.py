"""The end of a killed worker. This file is the last of its folder: it leaves the product without a worker."""

from __future__ import annotations

import pytest

from specreason.cli.local.stack import Stack
from tests.support.workers.processes import alive, descendants, wait_for

# It may be the one that loads the pair; on a busy machine that takes minutes.
pytestmark = pytest.mark.timeout(400)


def test_a_killed_supervisor_leaves_no_process_behind(stack: Stack) -> None:
    supervisor = stack.services[1].process
    family = descendants(supervisor.pid)
    assert len(family) >= 4  # child, two engines, grader
    supervisor.kill()
    wait_for(lambda: not any(map(alive, family)))
