"""What the pages and the example of an environment name exists in the code: commands, variables, files."""

from __future__ import annotations

import re
import shlex

import pytest

from specreason.cli import exits
from specreason.settings import Settings
from tests.support.deployment_files import (
    ARCHITECTURE,
    CLI,
    COMPOSE,
    COMPOSE_TEXT,
    DOCKERFILE,
    DOTENV_EXAMPLE,
    OBSERVERS,
    OPERATIONS,
    PLACEHOLDERS,
    README,
    ROOT,
    SERVICES,
    VARIABLE,
    WORKERS,
    parsed,
    rows,
)


@pytest.mark.parametrize("line", re.findall(r"^specreason .*", OPERATIONS + CLI + README, re.MULTILINE))
def test_each_command_that_a_page_shows_exists(line: str) -> None:
    words = shlex.split(line, comments=True)
    parsed([PLACEHOLDERS.get(word, word) for word in words])


@pytest.mark.parametrize(
    "text", [COMPOSE_TEXT, DOCKERFILE, DOTENV_EXAMPLE, OPERATIONS], ids=["compose", "docker", "env", "page"]
)
def test_each_specreason_variable_is_a_setting(text: str) -> None:
    known = {f"SPECREASON_{field.upper()}" for field in Settings.model_fields}
    assert set(re.findall(r"SPECREASON_[A-Z_]+", text)) <= known


def test_every_variable_that_compose_reads_is_explained_in_the_example() -> None:
    read = {found["name"] for found in VARIABLE.finditer(COMPOSE_TEXT)}
    explained = set(re.findall(r"^#?([A-Z0-9_]+)=", DOTENV_EXAMPLE, re.MULTILINE))
    assert explained == read | {"COMPOSE_PROFILES"}
    defaults = {
        found["name"]: found["then"] for found in VARIABLE.finditer(COMPOSE_TEXT) if found["how"] == ":-"
    }
    for name, value in re.findall(r"^#([A-Z0-9_]+)=(.*)", DOTENV_EXAMPLE, re.MULTILINE):
        assert defaults[name] == value


def test_compose_passes_on_whatever_is_set_for_webhooks() -> None:
    given = {f"SPECREASON_{name.upper()}" for name in Settings.model_fields if name.startswith("webhook_")}
    assert given <= SERVICES["api"]["environment"].keys()


def test_the_example_switches_on_workers_that_exist() -> None:
    (chosen,) = re.findall(r"^COMPOSE_PROFILES=(.*)", DOTENV_EXAMPLE, re.MULTILINE)
    profiles = {profile for name in [*WORKERS, *OBSERVERS] for profile in SERVICES[name]["profiles"]}
    assert set(chosen.split(",")) <= profiles
    assert profiles <= {first for first, *_ in rows(OPERATIONS)}


def test_volumes_are_declared_and_used() -> None:
    mounted = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert mounted == set(COMPOSE["volumes"])
    assert mounted <= {first for first, *_ in rows(OPERATIONS)}


def test_the_operations_page_lists_every_setting_with_its_default() -> None:
    listed = {name: (default, *said) for name, default, *said in rows(OPERATIONS) if "SPECREASON_" in name}
    expected = {
        f"SPECREASON_{name.upper()}": "unset" if field.default is None else str(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert {name: default for name, (default, *_) in listed.items()} == expected
    assert all(any(said) for _, *said in listed.values())


def test_the_page_of_the_commands_lists_every_exit_status() -> None:
    from worker.child_process import EXIT_ENGINE_DEAD

    listed = {int(first) for first, *_ in rows(CLI) if first.isdigit()}
    of_cli = {
        value for name, value in vars(exits).items() if name.startswith("EXIT_") and name != "EXIT_HELP"
    }
    assert listed >= of_cli | {0, 1, EXIT_ENGINE_DEAD}


def test_every_file_that_the_architecture_page_names_exists() -> None:
    paths = set(re.findall(r"`((?:specreason|worker|api|migrations)/[\w/.]*)`", ARCHITECTURE))
    assert len(paths) > 15
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
