"""The bundled pair, whose weights are real, through the whole product."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from tests.gpu.scene import Facts, Scene

NUM_PROBLEMS = "2"


async def job(scene: Scene) -> Facts:
    """Run `specreason demo`: servers, API, worker, and a batch for each of three schemes. Its figures are the facts."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPECREASON_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "specreason.cli.main", "demo", "--problems", NUM_PROBLEMS, "--json"),
        *("--data-dir", str(scene.folder / "data")),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    stdout, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"specreason demo ended with status {process.returncode}; {scene.log} says why")
    figures: dict[str, object] = json.loads(stdout.splitlines()[-1])
    return figures
