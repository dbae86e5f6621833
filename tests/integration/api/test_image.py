"""The API starts in its image, which has no model library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_api_needs_nothing_of_what_its_image_leaves_out() -> None:
    """Its image has the dependencies of every installation, but no vLLM and nothing that vLLM brings."""
    program = """
import sys
for name in ("vllm", "torch", "transformers", "numpy"):
    sys.modules[name] = None
import api.app, api.serve, uvicorn, specreason.cli.main, specreason.cli.api, specreason.cli.database
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
