"""The deployment files and the pages about them, as the tests of both read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import typer.main
import yaml
from typer.core import TyperGroup

from specreason.cli import main as cli
from specreason.pairs import PairConfig, load_pairs
from specreason.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
WORKERS = [name for name in OURS if name.startswith("worker-")]
GPU_WORKERS = [name for name in WORKERS if name.startswith("worker-gpu")]
OBSERVERS = [name for name, service in SERVICES.items() if service.get("profiles") == ["observability"]]
MAKEFILE = (ROOT / "Makefile").read_text()
DOTENV_EXAMPLE = (ROOT / ".env.example").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
README = (ROOT / "README.md").read_text()
CLI = (ROOT / "docs" / "cli.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
GPU_PAGE = (ROOT / "docs" / "gpu.md").read_text()

VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<how>:-|:\?)(?P<then>[^}]*))?\}")
PLACEHOLDERS = {"BATCH": str(UUID(int=0)), "JOB": str(UUID(int=0)), "KEY": str(UUID(int=0))}
SECONDS = {"s": 1, "m": 60, "h": 3600}
COMMAND = typer.main.get_command(cli.app)
assert isinstance(COMMAND, TyperGroup)
COMMANDS = COMMAND.commands


def interpolated(value: object) -> str:
    """As Compose reads `value` with nothing set but what must be."""
    return VARIABLE.sub(lambda found: found["then"] if found["how"] == ":-" else "given", str(value))


def environment(name: str) -> dict[str, str]:
    return {key: interpolated(value) for key, value in SERVICES[name].get("environment", {}).items()}


def settings_of(name: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for key, value in environment(name).items():
        monkeypatch.setenv(key, value)
    return Settings()


def parsed(words: list[str]) -> dict[str, Any]:
    """The options of a command line as `specreason` itself reads it; an exception where it does not."""
    program, name, *arguments = words
    assert program == "specreason"
    command = COMMANDS[name]
    while isinstance(command, TyperGroup):
        name, *arguments = arguments
        command = command.commands[name]
    return command.make_context(name, arguments).params


def options_of(name: str) -> dict[str, Any]:
    return parsed([interpolated(word) for word in SERVICES[name]["command"]])


def pair_of(name: str) -> PairConfig:
    return load_pairs()[options_of(name)["pair"]]


def gpus_of(name: str) -> list[str]:
    gpus: str = options_of(name)["gpu"]
    return gpus.split(",")


def seconds(duration: str) -> int:
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)([smh])", duration))


def stages() -> dict[str, list[str]]:
    """The Dockerfile's instructions by stage, continued lines joined."""
    lines = [line for line in DOCKERFILE.splitlines() if line.strip() and not line.startswith("#")]
    by_stage: dict[str, list[str]] = {}
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.startswith("FROM "):
            by_stage[line.split(" AS ")[1]] = []
        by_stage[list(by_stage)[-1]].append(line)
    return by_stage


def rows(page: str) -> list[list[str]]:
    """The cells of every table of a page, row by row, without their backticks."""
    lines = [line.strip() for line in page.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
