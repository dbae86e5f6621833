"""What docker-compose.yml starts: commands, settings, ports, GPUs and probes that exist in the code."""

from __future__ import annotations

import re

import pytest

from specreason.engines.machine.platform import Device
from specreason.planning.memory import CALLS_PER_JOB
from specreason.settings import Settings
from tests.support.deployment_files import (
    COMPOSE_TEXT,
    DOCKERFILE,
    DOTENV_EXAMPLE,
    GPU_WORKERS,
    OBSERVERS,
    OURS,
    SERVICES,
    VARIABLE,
    WORKERS,
    gpus_of,
    interpolated,
    options_of,
    pair_of,
    seconds,
    settings_of,
)
from worker.child_process import Patience


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_services_runs_a_command_with_options_that_exist(name: str) -> None:
    options_of(name)


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_services_gets_settings_that_are_valid(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(name, monkeypatch)
    assert settings.database().startswith("postgresql://specreason@postgres:5432/")
    assert settings.broker().startswith("redis://redis:6379/")


def test_the_api_is_published_and_probed_on_the_port_it_listens_on(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of("api", monkeypatch)
    (published,) = SERVICES["api"]["ports"]
    assert interpolated(published) == f"127.0.0.1:8765:{settings.api_port}"
    assert settings.api_host == "0.0.0.0"
    assert f"http://127.0.0.1:{settings.api_port}/api/health" in SERVICES["api"]["healthcheck"]["test"][-1]


def test_the_path_that_probes_the_api_exists() -> None:
    from api.native.reads import router

    assert "/api/health" in {getattr(route, "path", None) for route in router.routes}


def test_nothing_but_the_api_and_the_dashboard_is_published_and_both_to_this_machine_only() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"api", "grafana"}
    assert all(interpolated(port).startswith("127.0.0.1:") for ports in published.values() for port in ports)


@pytest.mark.parametrize("name", WORKERS)
def test_each_worker_serves_a_pair_that_exists_on_as_many_gpus_as_it_needs(name: str) -> None:
    pair = pair_of(name)
    if name in GPU_WORKERS:
        assert len(gpus_of(name)) == pair.num_devices
    else:
        assert options_of(name)["gpu"] is None


def test_no_two_workers_share_a_gpu() -> None:
    gpus = [gpu for name in GPU_WORKERS for gpu in gpus_of(name)]
    assert len(gpus) == len(set(gpus)) > 0
    assert all(name == f"worker-gpu{gpus_of(name)[0]}" for name in GPU_WORKERS)


def test_a_gpu_is_reserved_for_gpu_workers_and_for_nobody_else() -> None:
    assert [name for name, service in SERVICES.items() if "deploy" in service] == GPU_WORKERS


def test_without_a_profile_no_worker_starts_and_the_cpu_profile_needs_no_gpu() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" in service] == [*WORKERS, *OBSERVERS]
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
def test_a_worker_may_fetch_and_load_its_pair_before_it_counts_as_unhealthy(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device.GPU if name in GPU_WORKERS else Device.CPU
    loading = Patience.of(settings_of(name, monkeypatch), device).start_s
    pair = pair_of(name)
    gib = (pair.base.weights_gib or 0) + (pair.drafter.weights_gib or 0)
    slow_line = 200e6 / 8  # bytes/s
    fetching = gib * (1 << 30) / slow_line
    assert seconds(SERVICES[name]["healthcheck"]["start_period"]) >= fetching + loading


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_may_drain_before_it_is_killed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(name, monkeypatch)
    assert seconds(SERVICES[name]["stop_grace_period"]) >= settings.drain_s + 20
    assert settings.beat_s <= settings.lease_s / 4


def test_no_file_holds_a_secret() -> None:
    for text in (COMPOSE_TEXT, DOTENV_EXAMPLE, DOCKERFILE):
        assert not re.search(r"://[^/\s@:]+:[^@\s]+@", text)  # no password inside a URL
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET|KEY", key):
                assert VARIABLE.fullmatch(value), f"{name}.{key}"
    assert re.findall(r"^#?\w*(?:PASSWORD|TOKEN|KEY)=(.*)$", DOTENV_EXAMPLE, re.MULTILINE) == [""] * 4


@pytest.mark.parametrize(
    ("service", "secret"), [("postgres", "POSTGRES_PASSWORD"), ("api", "SPECREASON_ADMIN_KEY")]
)
def test_nothing_that_asks_for_a_secret_starts_without_one(service: str, secret: str) -> None:
    found = VARIABLE.fullmatch(SERVICES[service]["environment"][secret])
    assert found is not None
    assert found["how"] == ":?"


def most_slots(name: str, settings: Settings) -> int:
    """The slots that are set, or the most that a memory plan gives."""
    return settings.slots or pair_of(name).base.max_num_seqs // CALLS_PER_JOB


def test_postgres_takes_the_connections_of_every_service(monkeypatch: pytest.MonkeyPatch) -> None:
    (limit,) = re.findall(r"max_connections=(\d+)", " ".join(SERVICES["postgres"]["command"]))
    needed = 32 + sum(2 * most_slots(name, settings_of(name, monkeypatch)) + 14 for name in WORKERS)
    assert needed < int(limit)
