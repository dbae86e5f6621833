"""What the command line says of itself, and of lines that are not quite right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import signature
from typing import Any

import pytest
import typer.main
from pydantic import ValidationError
from typer.core import TyperGroup

from specreason import __version__
from specreason.cli import main
from specreason.cli.dataset.knobs import chosen_knobs
from specreason.cli.submit import submit
from specreason.config import RunConfig
from specreason.settings import MOST_SLOTS, Settings
from tests.support.messages import names

ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Ended:
    status: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> Ended:
        status = main.run(arguments)
        out, err = capsys.readouterr()
        return Ended(status, out, err)

    return call


def commands(group: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its path, groups too."""
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, *path, name)


COMMANDS = dict(commands(typer.main.get_command(main.app)))


def test_the_version_is_an_option_too(run: Any) -> None:
    assert run("--version").out.split() == ["specreason", __version__]


@pytest.mark.parametrize("name", ["up", "worker"])
def test_slots_may_be_as_many_as_the_setting_takes(
    run: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = COMMANDS[(name,)].make_context(name, ["--slots", str(MOST_SLOTS)]).params["slots"]
    monkeypatch.setenv("SPECREASON_SLOTS", str(MOST_SLOTS))
    assert taken == Settings().slots == MOST_SLOTS
    assert run(name, "--slots", str(MOST_SLOTS + 1)).status == 2
    monkeypatch.setenv("SPECREASON_SLOTS", str(MOST_SLOTS + 1))
    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_helps_with_h_and_shows_no_type_of_a_flag(run: Any, path: tuple[str, ...]) -> None:
    short, long = run(*path, "-h"), run(*path, "--help")
    assert (short.status, short.out) == (0, long.out)
    assert "bool" not in short.out


def test_every_option_and_argument_is_described() -> None:
    for path, command in COMMANDS.items():
        assert isinstance(command, TyperGroup) or command.help, path
        for parameter in command.params:
            assert parameter.help, (path, parameter.name)


def test_every_knob_is_an_option_of_submit_and_says_what_run_config_says() -> None:
    assert signature(submit).parameters.keys() >= RunConfig.model_fields.keys()
    options = {parameter.name: parameter for parameter in COMMANDS["submit",].params}
    for name, field in RunConfig.model_fields.items():
        assert field.description
        assert field.description in options[name].help
        assert options[name].rich_help_panel


def test_the_knobs_that_were_not_chosen_are_left_to_the_server() -> None:
    parameters = dict.fromkeys(RunConfig.model_fields) | {"overlap": False, "seed": 0, "file": "x"}
    assert chosen_knobs(parameters) == {"overlap": False, "seed": 0}


def test_a_line_break_can_be_typed_in_a_delimiter() -> None:
    assert chosen_knobs({"delimiter": r"\n\n"}) == {"delimiter": "\n\n"}


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        ("submit x.jsonl --treshold 7", ["--treshold", "--threshold?"]),
        ("submit x.jsonl --score_method expected", ["--score_method", "--score-method?"]),
        ("submit x.jsonl -threshold 7", ["-threshold", "--threshold?"]),
        ("submit x.jsonl --overlap false", ["--overlap", "--no-overlap"]),
        ("submit x.jsonl --overlap=false", ["--overlap", "--no-overlap"]),
        ("submit --overlap false x.jsonl", ["--overlap", "--no-overlap"]),
        ("submit x.jsonl --wait true", ["--wait", "alone"]),
        ("submit x.jsonl --wait false", ["--wait", "leave it out"]),
        ("sumbit x.jsonl", ["'sumbit'", "'submit'?"]),
        ("batch lst", ["'lst'", "'list'?"]),
        ("watch", ["'watch'", "'batch watch'?"]),
        ("fly", ["'fly'"]),
        ("submit --wait", ["file", "required"]),
        ("batch requeue " + ID, ["--state", "required"]),
        ("batch list --limit 0", ["--limit", "at least 1", 0]),
        ("batch list --limit many", ["--limit", "whole number", "'many'"]),
        (f"batch priority {ID} 101", ["at most 100", 101]),
        (f"batch jobs {ID} --state sucess", ["--state", "'sucess'", "'succeeded'?"]),
        ("keys create me --scope reed", ["--scope", "'reed'", "'read'?"]),
        ("submit x.jsonl --threshold 10", ["--threshold", "at most 9", 10]),
        ("submit x.jsonl --scheme specreson", ["--scheme", "'specreason'?"]),
        ("submit x.jsonl --format cvs", ["--format", "'csv'?"]),
        ("submit x.jsonl --grid treshold=5,7", ["--grid", "threshold=…,…", "'threshold'?"]),
    ],
)
def test_a_mistake_is_named_with_what_was_probably_meant(run: Any, line: str, facts: list[object]) -> None:
    ended = run(*line.split())
    assert ended.status == 2
    assert names(ended.err, *facts), ended.err


@pytest.mark.parametrize("line", ["batch list --limit 0 --json", "submit x.jsonl --threshold 10 --json"])
def test_a_mistake_in_an_option_names_it_in_json_too(run: Any, line: str) -> None:
    ended = run(*line.split())
    assert f'"field": "{line.split()[2]}"' in ended.out
