"""Makes the pictures of README and the docs: what real commands print, figures of a report, or the pages."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from specreason.cli.local.stack import running_stack
from specreason.client import Client, Job, short_id
from specreason.submission.problem import BUNDLED_PROBLEMS
from tests.captures.pages import draw_pages
from tests.support.terminal import Terminal

IMAGES = Path(__file__).parents[2] / "docs" / "images"
# The figures of a report that README and docs/report.md show.
OF_A_REPORT = ("accuracy_latency", "threshold_sweep", "output_length", "where_time_goes")
COLUMNS = 100
SPECREASON = (sys.executable, "-m", "specreason.cli.main")
# A page that shows the picture loads no fonts from elsewhere.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def main() -> None:
    """Write the pictures to docs/images: those of a report, those of the pages, or else what commands print."""
    parser = argparse.ArgumentParser(prog="python -m tests.captures")
    parser.add_argument("--report", type=Path, metavar="DIR", help="take the figures of this report instead")
    parser.add_argument("--pages", action="store_true", help="draw the pages instead; takes Chromium")
    chosen = parser.parse_args()
    if chosen.report is not None:
        copy_figures(chosen.report)
    elif chosen.pages:
        draw_pages(IMAGES)
    else:
        draw_commands()


def copy_figures(report: Path) -> None:
    """Copy the figures that the pages show."""
    for name in OF_A_REPORT:
        figure = report / "figures" / f"{name}.svg"
        if not figure.is_file():
            sys.exit(f"{figure} is missing: `specreason report` says in its section 'Left out' what it needs")
    for name in OF_A_REPORT:
        shutil.copyfile(report / "figures" / f"{name}.svg", IMAGES / f"report-{name}.svg")


def draw_commands() -> None:
    """Run commands on a real stack and draw what they print."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder) / "data", pair="demo", port=0, slots=4, announce=print) as stack,
        Client(stack.api_url) as client,
    ):
        terminal = Terminal(COLUMNS, {"SPECREASON_API_URL": stack.api_url})
        grid = client.submit_grid(
            BUNDLED_PROBLEMS,
            {"scheme": ["base", "drafter", "specreason"]},
            name="sums",
            config={"temperature": 0.0, "token_budget": 1024, "max_answer_tokens": 64},
        )
        ended = client.wait_all([batch.batch_id for batch in grid.data])[-1]
        batch = short_id(ended.batch_id)
        job = _with_a_rejected_draft(list(client.jobs(ended.batch_id)))
        for name, arguments in (
            ("batch-list", ("batch", "list")),
            ("batch-show", ("batch", "show", batch)),
            ("batch-jobs", ("batch", "jobs", batch, "--limit", "8")),
            ("job-steps", ("job", "steps", f"{batch}/{job.problem_index}")),
        ):
            draw(name, arguments, terminal.run([*SPECREASON, *arguments]).raw)


def draw(name: str, arguments: tuple[str, ...], raw: str) -> None:
    """Write one picture: the command, and what it printed."""
    console = Console(
        record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(Text.assemble(("$ ", "dim"), (" ".join(("specreason", *arguments)), "bold")))
    console.print(Text.from_ansi(raw.replace("\r\n", "\n").rstrip()))
    IMAGES.mkdir(exist_ok=True)
    console.save_svg(str(IMAGES / f"{name}.svg"), title="specreason", code_format=FORMAT, unique_id=name)


def _with_a_rejected_draft(jobs: list[Job]) -> Job:
    """Return the shortest trace in which the base wrote a step again."""
    rewritten = [job for job in jobs if job.num_accepted < job.num_drafted]
    return min(rewritten or jobs, key=lambda job: job.num_steps)


if __name__ == "__main__":
    main()
