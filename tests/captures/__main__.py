"""Draws the pictures of README and docs: real commands against a real stack, as SVG. `make captures`."""

from __future__ import annotations

import re
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from specreason.cli.local.stack import running_stack
from specreason.client import Client
from tests.support.terminal import Terminal

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PROBLEMS = Path(__file__).parents[2] / "specreason" / "demo" / "problems.jsonl"
COLUMNS = 100
SPECREASON = [sys.executable, "-m", "specreason.cli.main"]
# A page that shows the picture may not load fonts from elsewhere.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder) / "data", pair="demo", port=0, slots=4, announce=print) as stack,
        Client(stack.api_url) as client,
    ):
        terminal = Terminal(COLUMNS, {"SPECREASON_API_URL": stack.api_url})
        grid = client.submit_grid(
            PROBLEMS, {"scheme": ["base", "drafter", "specreason"]}, name="sums", config={"temperature": 0.0}
        )
        ended = client.wait_all([batch.batch_id for batch in grid.data])
        specreason = ended[-1]
        jobs = list(client.jobs(specreason.batch_id))
        job = next((job for job in jobs if 0 < job.num_accepted < job.num_drafted), jobs[0])
        for name, arguments in (
            ("batch-list", ["batch", "list"]),
            ("batch-show", ["batch", "show", str(specreason.batch_id)[-8:]]),
            ("batch-jobs", ["batch", "jobs", str(specreason.batch_id)[-8:], "--limit", "8"]),
            ("job-steps", ["job", "steps", f"{str(specreason.batch_id)[-8:]}/{job.problem_index}"]),
        ):
            seen = terminal.run([*SPECREASON, *arguments])
            draw(name, arguments, seen.raw)


def draw(name: str, arguments: list[str], raw: str) -> None:
    """Write one picture: the command and what it printed."""
    console = Console(
        record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(Text.assemble(("$ ", "dim"), (" ".join(["specreason", *arguments]), "bold")))
    console.print(Text.from_ansi(raw.replace("\r\n", "\n").rstrip()))
    IMAGES.mkdir(exist_ok=True)
    console.save_svg(str(IMAGES / f"{name}.svg"), title="specreason", code_format=FORMAT, unique_id=name)


if __name__ == "__main__":
    main()
