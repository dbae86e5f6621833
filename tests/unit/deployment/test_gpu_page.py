"""The page on GPUs names every finding, tests that exist, phases that exist and commands that exist."""

from __future__ import annotations

import ast
import re
import shlex

import pytest

from tests.gpu.scene import LOAD
from tests.gpu.stages import STAGES
from tests.gpu.verdicts import FINDINGS
from tests.support.deployment_files import GPU_PAGE, ROOT, parsed, rows

TABLE = {first: rest for first, *rest in rows(GPU_PAGE) if first in FINDINGS}
NAMED_TESTS = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", GPU_PAGE)
PHASES = {f"{stage.name}/{phase}" for stage in STAGES for phase in (LOAD, *(p.name for p in stage.phases))}


def functions_in(path: str) -> set[str]:
    """The functions of a file, without importing it."""
    source = (ROOT / path).read_text()
    return {
        each.name
        for each in ast.walk(ast.parse(source))
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_each_finding_has_a_row_and_each_row_a_test() -> None:
    assert list(TABLE) == list(FINDINGS)
    for finding, cells in TABLE.items():
        assert re.search(r"tests/[\w/]+\.py::test_", "".join(cells)), finding


@pytest.mark.parametrize("finding", FINDINGS)
def test_each_row_says_whether_its_finding_is_fixed(finding: str) -> None:
    _, now, *_ = TABLE[finding]
    assert re.match(r"(not |half )?fixed: ", now)


@pytest.mark.parametrize(("path", "name"), NAMED_TESTS, ids=["::".join(each) for each in NAMED_TESTS])
def test_each_test_that_the_page_names_exists(path: str, name: str) -> None:
    assert not name or name in functions_in(path)


def test_each_phase_that_the_page_names_exists() -> None:
    stages = {stage.name for stage in STAGES}
    named = re.findall(rf"(?:--phase |`)((?:{'|'.join(stages)})(?:/[\w-]+)?)\b(?!/)", GPU_PAGE)
    assert len(named) > len(stages)
    assert set(named) <= PHASES | stages


@pytest.mark.parametrize("line", re.findall(r"^specreason .*", GPU_PAGE, re.MULTILINE))
def test_each_command_that_the_page_shows_exists(line: str) -> None:
    parsed(shlex.split(line, comments=True))


def test_the_first_words_of_the_page_say_what_has_not_been_shown() -> None:
    _, first, *_ = GPU_PAGE.split("\n\n")
    assert "on a GPU yet" in first
    assert "Only a GPU" in first
