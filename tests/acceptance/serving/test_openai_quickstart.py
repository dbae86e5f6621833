"""The page for users of the `openai` SDK: its program, as it stands there, against the whole product."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from specreason.cli.local.stack import Stack

# It may be the one that loads the pair; on a busy machine that takes minutes.
pytestmark = pytest.mark.timeout(400)
PAGE = Path(__file__).parents[3] / "docs" / "quickstart-openai.md"


def test_the_program_of_the_page_runs_a_batch_with_the_unmodified_sdk(
    stack: Stack, client: httpx2.Client, tmp_path: Path
) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    environment = {**os.environ, "OPENAI_BASE_URL": f"{stack.api_url}/v1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert "models: demo" in said
    assert "completed 4 of 5" in said
    answers = dict(re.findall(r"^(\S+): .* \((\d+) tokens of reasoning\)$", said, re.MULTILINE))
    assert answers.keys() == {"sum-1", "sum-2", "sum-3", "sum-4"}
    assert all(int(tokens) > 0 for tokens in answers.values())
    traces = re.findall(r"its trace: (\S+)$", said, re.MULTILINE)
    assert len(traces) == 4
    for trace in traces:
        steps = client.get(trace).json()["data"]
        assert steps[-1]["phase"] == "answer"
    failures = dict(re.findall(r"^(\S+) failed: (.*)$", said, re.MULTILINE))
    assert failures.keys() == {"too-long"}
    assert re.search(r"the prompt has \d+ tokens; a context of \d+ leaves no room", failures["too-long"])
    assert "the second batch is cancelled" in said
    newest = client.get("/v1/batches", params={"limit": 2}).json()["data"]
    assert [each["status"] for each in newest] == ["cancelled", "completed"]
    assert newest[0]["request_counts"]["completed"] < 4
    # One a page: the second is one that the SDK asked for with `after`.
    listed = re.findall(r"^(batch_\w+) is (\w+)$", said, re.MULTILINE)
    assert listed == [(each["id"], each["status"]) for each in newest]
