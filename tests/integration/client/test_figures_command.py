"""`specreason batch figures`: what the rows of a stored batch say, as a person and a program read it."""

from __future__ import annotations

import re
import sys

import pytest

from specreason.client import Client
from specreason.client.decoding import to_json
from specreason.store.session import Database
from tests.support.shell import Shell
from tests.support.store.builders import submit
from tests.support.store.known import build
from tests.support.terminal import Terminal

COMMAND = [sys.executable, "-m", "specreason.cli.main"]
ROWS = (
    "drafts accepted, %",
    "break-even, %",
    "above it, points",
    "pass@1, %",
    "pass@2, %",
    "majority@2, %",
    "latency, s",
    "latency p95, s",
    "tokens wasted/job",
    "drafter's tokens, %",
    "speedup limit, ×",
    "drafter TTFT, ms",
    "base TPOT p95, ms",
)


def test_a_person_reads_first_whether_drafting_pays(shell: Shell, database: Database) -> None:
    ended = shell("batch", "figures", build(database).specreason)
    assert ended.status == 0
    assert "56 % of drafts are accepted" in ended.out.splitlines()[0]
    for row in ROWS:
        assert re.search(rf"^{re.escape(row)} +[−\d]", ended.out, re.MULTILINE), row
    assert re.search(r"^drafts accepted, % +56\.2 +[\d.]+ to [\d.]+ +8 +4$", ended.out, re.MULTILINE)
    assert re.search(r"^drafter TTFT, ms +100 ", ended.out, re.MULTILINE)
    assert "from 72 problems on" in ended.out
    assert "nan" not in ended.out.lower()


@pytest.mark.parametrize("columns", [60, 120])
def test_every_row_fits_the_terminal(url: str, database: Database, columns: int) -> None:
    batch_id = build(database).specreason
    terminal = Terminal(columns, {"SPECREASON_API_URL": url})
    seen = terminal.run([*COMMAND, "batch", "figures", str(batch_id)])
    assert seen.status == 0
    assert max(map(len, seen.lines)) <= columns
    # A row that does not fit would be two.
    assert all(any(line.startswith(f"{row} ") for line in seen.lines) for row in ROWS)


def test_a_program_reads_everything_from_json_and_the_client_the_same(
    shell: Shell, database: Database, client: Client
) -> None:
    batch_id = build(database).specreason
    found = shell("batch", "figures", batch_id, "-k", "2", "--json").json
    assert found == to_json(client.analysis.figures(batch_id, k=2))
    refused = shell("batch", "figures", batch_id, "-k", "3", "--json")
    assert (refused.status, refused.json["error"]["field"]) == (2, "k")


def test_a_batch_without_figures_gets_a_sentence(shell: Shell, database: Database) -> None:
    known = build(database)
    assert shell("batch", "figures", known.base).out.startswith("Nothing was drafted: ")
    ended = shell("batch", "figures", submit(database))
    assert ended.status == 0
    assert ended.out.startswith("There are no figures yet: no job has succeeded.\n")
