"""What the deployment files and the pages about them name exists in the code: commands, variables, ports, files."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import typer.main
import yaml
from typer.core import TyperGroup

from specreason.cli import exits
from specreason.cli import main as cli
from specreason.config import PairConfig, load_pairs
from specreason.settings import Settings

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
WORKERS = [name for name in OURS if name.startswith("worker-")]
GPU_WORKERS = [name for name in WORKERS if name.startswith("worker-gpu")]
MAKEFILE = (ROOT / "Makefile").read_text()
DOTENV_EXAMPLE = (ROOT / ".env.example").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
README = (ROOT / "README.md").read_text()
CLI = (ROOT / "docs" / "cli.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()

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


@pytest.fixture(autouse=True)
def _a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"SPECREASON_{field.upper()}", raising=False)


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_services_runs_a_command_with_options_that_exist(name: str) -> None:
    options_of(name)


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


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_services_gets_settings_that_are_valid(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(name, monkeypatch)
    assert settings.database().startswith("postgresql://specreason@postgres:5432/")
    assert settings.broker().startswith("redis://redis:6379/")


def test_every_variable_that_compose_reads_is_explained_in_the_example() -> None:
    read = {found["name"] for found in VARIABLE.finditer(COMPOSE_TEXT)}
    explained = set(re.findall(r"^#?([A-Z0-9_]+)=", DOTENV_EXAMPLE, re.MULTILINE))
    assert explained == read | {"COMPOSE_PROFILES"}
    defaults = {
        found["name"]: found["then"] for found in VARIABLE.finditer(COMPOSE_TEXT) if found["how"] == ":-"
    }
    for name, value in re.findall(r"^#([A-Z0-9_]+)=(.*)", DOTENV_EXAMPLE, re.MULTILINE):
        assert defaults[name] == value


def test_the_example_switches_on_workers_that_exist() -> None:
    (chosen,) = re.findall(r"^COMPOSE_PROFILES=(.*)", DOTENV_EXAMPLE, re.MULTILINE)
    profiles = {profile for name in WORKERS for profile in SERVICES[name]["profiles"]}
    assert set(chosen.split(",")) <= profiles
    assert profiles <= set(re.findall(r"^\| `([\w-]+)` \|", OPERATIONS, re.MULTILINE))


def test_the_api_is_published_and_probed_on_the_port_it_listens_on(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of("api", monkeypatch)
    (published,) = SERVICES["api"]["ports"]
    assert interpolated(published) == f"127.0.0.1:8765:{settings.api_port}"
    assert settings.api_host == "0.0.0.0"
    assert f"http://127.0.0.1:{settings.api_port}/api/health" in SERVICES["api"]["healthcheck"]["test"][-1]


def test_the_path_that_probes_the_api_exists() -> None:
    from api.native.reads import router

    assert "/api/health" in {getattr(route, "path", None) for route in router.routes}


def test_nothing_but_the_api_can_be_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["api"]


@pytest.mark.parametrize("name", WORKERS)
def test_each_worker_serves_a_pair_that_exists_on_as_many_gpus_as_it_needs(name: str) -> None:
    pair = pair_of(name)
    num_gpus = max(pair.base.tensor_parallel_size, pair.drafter.tensor_parallel_size)
    if name in GPU_WORKERS:
        assert len(gpus_of(name)) == num_gpus
    else:
        assert options_of(name)["gpu"] is None


def test_no_two_workers_share_a_gpu() -> None:
    gpus = [gpu for name in GPU_WORKERS for gpu in gpus_of(name)]
    assert len(gpus) == len(set(gpus)) > 0
    assert all(name == f"worker-gpu{gpus_of(name)[0]}" for name in GPU_WORKERS)


def test_a_gpu_is_reserved_for_gpu_workers_and_for_nobody_else() -> None:
    assert [name for name, service in SERVICES.items() if "deploy" in service] == GPU_WORKERS


def test_without_a_profile_no_worker_starts_and_the_cpu_profile_needs_no_gpu() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" in service] == WORKERS
    (cpu_worker,) = (name for name in WORKERS if SERVICES[name]["profiles"] == ["cpu"])
    assert SERVICES[cpu_worker]["build"]["target"] == "cpu"


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_a_healthcheck_or_ends_and_is_waited_for(name: str) -> None:
    service = SERVICES[name]
    if "healthcheck" in service:
        assert service["restart"] == "unless-stopped"
        return
    assert service["restart"] == "no"
    conditions = [other.get("depends_on", {}).get(name, {}).get("condition") for other in SERVICES.values()]
    assert "service_completed_successfully" in conditions


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_services_waits_for_what_it_needs(name: str) -> None:
    waited_for = {other: how["condition"] for other, how in SERVICES[name]["depends_on"].items()}
    stores = {"postgres": "service_healthy", "redis": "service_healthy"}
    expected = stores | {"migrate": "service_completed_successfully"}
    assert waited_for == ({"postgres": "service_healthy"} if name == "migrate" else expected)


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_may_drain_before_it_is_killed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(name, monkeypatch)
    assert seconds(SERVICES[name]["stop_grace_period"]) >= settings.drain_s + 20
    assert settings.beat_s <= settings.lease_s / 4


@pytest.mark.parametrize("name", WORKERS)
def test_the_probe_of_a_worker_is_in_its_image(name: str) -> None:
    *_, probe = SERVICES[name]["healthcheck"]["test"]
    assert probe == "/app/worker_health.py"
    assert "COPY docker/worker_health.py ./" in stages()[SERVICES[name]["build"]["target"]]


def test_no_file_holds_a_secret() -> None:
    for text in (COMPOSE_TEXT, DOTENV_EXAMPLE, DOCKERFILE):
        assert not re.search(r"://[^/\s@:]+:[^@\s]+@", text)  # no password inside a URL
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET|KEY", key):
                assert VARIABLE.fullmatch(value), f"{name}.{key}"
    assert re.findall(r"^#?\w*(?:PASSWORD|TOKEN|KEY)=(.*)$", DOTENV_EXAMPLE, re.MULTILINE) == ["", "", ""]


@pytest.mark.parametrize(
    ("service", "secret"), [("postgres", "POSTGRES_PASSWORD"), ("api", "SPECREASON_ADMIN_KEY")]
)
def test_nothing_that_asks_for_a_secret_starts_without_one(service: str, secret: str) -> None:
    found = VARIABLE.fullmatch(SERVICES[service]["environment"][secret])
    assert found is not None
    assert found["how"] == ":?"


def test_postgres_takes_the_connections_of_every_service(monkeypatch: pytest.MonkeyPatch) -> None:
    (limit,) = re.findall(r"max_connections=(\d+)", " ".join(SERVICES["postgres"]["command"]))
    needed = 32 + sum(2 * settings_of(name, monkeypatch).slots + 14 for name in WORKERS)
    assert needed < int(limit)


def test_volumes_are_declared_and_used() -> None:
    mounted = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert mounted == set(COMPOSE["volumes"])
    assert mounted <= set(re.findall(r"^\| `([\w-]+)` \|", OPERATIONS, re.MULTILINE))


@pytest.mark.parametrize("name", OURS)
def test_each_image_exists_and_does_not_run_as_root(name: str) -> None:
    build = SERVICES[name]["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()
    assert re.fullmatch(r"USER [1-9]\d*:[1-9]\d*", stages()[build["target"]][-1])


def test_everything_that_an_image_copies_exists_and_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in DOCKERFILE.splitlines():
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists()
                assert any(source.rstrip("/") == entry or source.startswith(f"{entry}/") for entry in kept)


def test_images_install_what_is_locked() -> None:
    installs = [line for lines in stages().values() for line in lines if "pip install" in line]
    assert installs
    for line in installs:
        assert "--no-deps" in line or re.search(r"--constraint requirements/\w+\.txt", line)


def test_everything_that_runs_on_the_cpu_is_installed_by_one_script() -> None:
    assert "RUN python requirements/install.py" in stages()["cpu"]
    assert "python requirements/install.py --editable .\n" in MAKEFILE
    for text in (DOCKERFILE, MAKEFILE):
        assert "--requirement requirements/cpu.txt" not in text


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_a_lock_names_exact_versions_and_no_place(device: str) -> None:
    lines = (ROOT / "requirements" / f"{device}.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert len(pins) > 100
    assert all(re.fullmatch(r"[\w.-]+==[\w.+!-]+", pin) for pin in pins)
    assert not any("://" in line for line in lines)


def test_no_deployment_file_names_a_package_index() -> None:
    install = (ROOT / "requirements" / "install.py").read_text()
    for text in (COMPOSE_TEXT, DOCKERFILE, DOTENV_EXAMPLE, MAKEFILE, install):
        assert "INDEX_URL" not in text
        hosts = set(re.findall(r"https?://([^/:\s]+)", text))
        assert hosts <= {"127.0.0.1"}


def test_everything_that_the_code_reads_from_the_package_is_packaged() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = pyproject["tool"]["setuptools"]["package-data"]["specreason"]
    package = ROOT / "specreason"
    data = [path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert {path.suffix for path in data} >= {".toml", ".sql"}
    for path in data:
        assert any(fnmatch(str(path.relative_to(package)), pattern) for pattern in patterns), path


def test_the_api_needs_nothing_of_what_its_image_leaves_out() -> None:
    """Its image has the dependencies of every installation, but no vLLM and nothing that vLLM brings."""
    program = """
import sys
for name in ("vllm", "torch", "transformers", "numpy"):
    sys.modules[name] = None
import api.app, api.serve, uvicorn, specreason.cli.main, specreason.cli.local.services
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_operations_page_lists_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `SPECREASON_(\w+)` \| (\S+) \| \S.* \|$", OPERATIONS, re.MULTILINE)
    expected = {
        name.upper(): "unset" if field.default is None else str(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert dict(rows) == expected


def test_the_page_of_the_commands_lists_every_exit_status() -> None:
    from worker.child_process import EXIT_ENGINE_DEAD

    listed = {int(code) for code in re.findall(r"^\| (\d+) \| .+ \| .*\|$", CLI, re.MULTILINE)}
    of_cli = {
        value for name, value in vars(exits).items() if name.startswith("EXIT_") and name != "EXIT_HELP"
    }
    assert listed >= of_cli | {0, 1, EXIT_ENGINE_DEAD}


def test_every_file_that_the_architecture_page_names_exists() -> None:
    paths = set(re.findall(r"`((?:specreason|worker|api|migrations)/[\w/.]*)`", ARCHITECTURE))
    assert len(paths) > 15
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
