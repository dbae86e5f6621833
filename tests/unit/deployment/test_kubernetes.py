"""What deploy/kubernetes starts: resources after Kubernetes' own schemas, with commands and settings that exist."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from specreason.cli.checks.processes import cores_needed, shared_memory_needed
from specreason.pairs import PairConfig, load_pairs
from specreason.settings import Settings
from tests.support.deployment_files import ROOT, parsed, stages
from tests.support.kustomize import Resource, build, containers_of, pod_of

KUBERNETES = ROOT / "deploy" / "kubernetes"
EXAMPLE_SECRET = (KUBERNETES / "secret.env.example").read_text()
SECRET = dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE_SECRET, re.MULTILINE))
SECRET |= {"PGPASSWORD": "given", "SPECREASON_ADMIN_KEY": "given" * 8}
OVERLAYS = {name: build(KUBERNETES / name, secrets={"specreason": SECRET}) for name in ("example", "dev")}
# Each resource under the name of its overlay, kind and name.
RESOURCES = {
    f"{overlay}/{each['kind']}/{each['metadata']['name']}": each
    for overlay, resources in OVERLAYS.items()
    for each in resources
}
PODS = [name for name, each in RESOURCES.items() if pod_of(each) is not None]
OURS = [name for name in PODS if not name.endswith(("/postgres", "/valkey"))]
WORKERS = [name for name in PODS if "/worker-" in name]
APIS = [name for name in PODS if name.endswith("/api")]
# Of the oldest version that is still mended as this is written.
SCHEMA = json.loads((ROOT / "tests" / "support" / "kubernetes-1.35.json").read_text())
UNITS = {"Mi": 1 << 20, "Gi": 1 << 30, "m": 1e-3, "": 1}


def quantity(text: str | int) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(\w*)", str(text)).groups()  # type: ignore[union-attr]
    return float(number) * UNITS[unit]


def pod(name: str) -> dict[str, Any]:
    found = pod_of(RESOURCES[name])
    assert found is not None
    return found


def environment(container: dict[str, Any], resource: Resource, overlay: str) -> dict[str, str]:
    """What the container finds in its environment."""
    values = {}
    for source in container.get("envFrom", []):
        values |= RESOURCES[f"{overlay}/ConfigMap/{source['configMapRef']['name']}"]["data"]
    for variable in container.get("env", []):
        if "value" in variable:
            values[variable["name"]] = variable["value"]
        elif "secretKeyRef" in variable["valueFrom"]:
            reference = variable["valueFrom"]["secretKeyRef"]
            assert reference["name"] == "specreason"
            values[variable["name"]] = SECRET[reference["key"]]
        else:
            (key,) = re.findall(
                r"^metadata\.labels\['(.*)'\]$", variable["valueFrom"]["fieldRef"]["fieldPath"]
            )
            values[variable["name"]] = resource["spec"]["template"]["metadata"]["labels"][key]
    return values


def command(container: dict[str, Any], values: dict[str, str]) -> list[str]:
    return [
        re.sub(r"\$\((\w+)\)", lambda found: values[found[1]], word) for word in container.get("command", [])
    ]


def of_main(name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The container of a pod of ours, and its environment."""
    (container,) = pod(name)["containers"]
    return container, environment(container, RESOURCES[name], name.partition("/")[0])


def settings_of(name: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for key, value in of_main(name)[1].items():
        monkeypatch.setenv(key, value)
    return Settings()


def pair_of(name: str) -> PairConfig:
    container, values = of_main(name)
    return load_pairs()[parsed(command(container, values))["pair"]]


def validate(resource: Resource) -> None:
    """Against the definition of its version and kind: that of `apps/v1` is in `apps.v1`, that of `v1` in `core.v1`."""
    group, _, version = resource["apiVersion"].rpartition("/")
    definition = f"#/$defs/io.k8s.api.{group or 'core'}.{version}.{resource['kind']}"
    Draft202012Validator({**SCHEMA, "$ref": definition}).validate(resource)


@pytest.mark.parametrize("name", RESOURCES)
def test_each_resource_obeys_the_schema_of_kubernetes(name: str) -> None:
    validate(RESOURCES[name])


@pytest.mark.parametrize(
    "spoil", [lambda pod: pod.update(restartpolicy="Never"), lambda pod: pod["containers"][0].pop("name")]
)
def test_the_schema_refuses_an_unknown_field_and_a_missing_one(
    spoil: Callable[[dict[str, Any]], object],
) -> None:
    spoilt = copy.deepcopy(RESOURCES["example/Deployment/api"])
    spoil(spoilt["spec"]["template"]["spec"])
    with pytest.raises(ValidationError):
        validate(spoilt)


def test_every_file_is_part_of_an_overlay() -> None:
    files = {path for path in KUBERNETES.rglob("*.yaml") if path.name != "kustomization.yaml"}
    named = {
        (path.parent / name).resolve()
        for path in KUBERNETES.rglob("kustomization.yaml")
        for name in yaml.safe_load(path.read_text())["resources"]
    }
    assert files == {path for path in named if path.suffix == ".yaml"}
    assert all(path.exists() for path in named)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_two_resources_have_one_name(overlay: str) -> None:
    assert len([name for name in RESOURCES if name.startswith(f"{overlay}/")]) == len(OVERLAYS[overlay])
    assert {each["metadata"]["namespace"] for each in OVERLAYS[overlay]} == {"specreason"}


@pytest.mark.parametrize(
    "name", [name for name, each in RESOURCES.items() if "selector" in each.get("spec", {})]
)
def test_each_selector_finds_the_pods_of_one_template(name: str) -> None:
    overlay, _, own = name.split("/")
    selector = RESOURCES[name]["spec"]["selector"]
    wanted = selector.get("matchLabels", selector).items()
    found = [
        other
        for other in PODS
        if other.startswith(f"{overlay}/")
        and wanted <= RESOURCES[other]["spec"]["template"]["metadata"]["labels"].items()
    ]
    assert [other.split("/")[2] for other in found] == [own]


@pytest.mark.parametrize("name", PODS)
def test_each_mount_has_its_volume_and_each_claim_exists(name: str) -> None:
    overlay = name.partition("/")[0]
    volumes = {volume["name"]: volume for volume in pod(name).get("volumes", [])}
    of_set = {each["metadata"]["name"] for each in RESOURCES[name]["spec"].get("volumeClaimTemplates", [])}
    mounted = {
        mount["name"] for each in containers_of(RESOURCES[name]) for mount in each.get("volumeMounts", [])
    }
    assert mounted == volumes.keys() | of_set
    for volume in volumes.values():
        if "persistentVolumeClaim" in volume:
            claim = volume["persistentVolumeClaim"]["claimName"]
            assert f"{overlay}/PersistentVolumeClaim/{claim}" in RESOURCES


@pytest.mark.parametrize("name", PODS)
def test_no_container_has_privileges(name: str) -> None:
    assert pod(name)["securityContext"]["runAsNonRoot"]
    assert pod(name)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod(name)["automountServiceAccountToken"]
    for container in containers_of(RESOURCES[name]):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_pods_runs_an_image_of_the_dockerfile_as_its_user(name: str) -> None:
    for container in containers_of(RESOURCES[name]):
        image = container["image"].rpartition("/")[2].partition(":")[0]
        user = stages()[image.removeprefix("specreason-")][-1]
        security = pod(name)["securityContext"]
        assert user == f"USER {security['runAsUser']}:{security['runAsGroup']}"


@pytest.mark.parametrize("name", PODS)
def test_a_node_that_has_an_image_asks_no_registry_for_it(name: str) -> None:
    """Kubernetes pulls an image that has no tag, or `latest`, at every start."""
    for container in containers_of(RESOURCES[name]):
        assert container["image"].rpartition("/")[2].partition(":")[2] not in ("", "latest")
        assert "imagePullPolicy" not in container


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_containers_runs_a_command_with_settings_that_exist(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    container, values = of_main(name)
    parsed(command(container, values))
    known = {f"SPECREASON_{field.upper()}" for field in Settings.model_fields}
    assert {key for key in values if key.startswith("SPECREASON_")} <= known
    settings = settings_of(name, monkeypatch)
    assert settings.database().startswith("postgresql://")
    if "migrate" not in name:
        assert settings.broker().startswith("redis://")


@pytest.mark.parametrize("name", OURS)
def test_no_service_can_set_a_variable_of_ours(name: str) -> None:
    """Kubernetes gives the pods of a namespace variables such as SPECREASON_API_PORT for a Service `specreason-api`."""
    assert pod(name)["enableServiceLinks"] is False


@pytest.mark.parametrize("name", [*APIS, *WORKERS])
def test_each_process_waits_for_the_schema_and_none_but_the_job_makes_it(name: str) -> None:
    (waiting,) = pod(name)["initContainers"]
    (written,) = re.findall(r"until (.*?);", waiting["command"][-1])
    parsed(written.split())
    overlay = name.partition("/")[0]
    (migrate,) = pod(f"{overlay}/Job/migrate")["containers"]
    assert migrate["command"] == ["specreason", "db", "upgrade"]
    assert environment(waiting, RESOURCES[name], overlay).keys() >= {"SPECREASON_DATABASE_URL", "PGPASSWORD"}


@pytest.mark.parametrize("name", APIS)
def test_the_api_is_probed_and_served_where_it_listens_and_asks_for_keys(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(name, monkeypatch)
    container, _ = of_main(name)
    assert container["ports"] == [{"name": "http", "containerPort": settings.api_port}]
    assert (settings.api_host, settings.keys) == ("0.0.0.0", "on")
    service = RESOURCES[name.replace("Deployment", "Service")]
    assert [port["targetPort"] for port in service["spec"]["ports"]] == ["http"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/api/health", "port": "http"}
    assert str(settings.files_dir) in {mount["mountPath"] for mount in container["volumeMounts"]}


@pytest.mark.parametrize("name", APIS)
def test_an_api_is_not_restarted_because_postgres_is_away(name: str) -> None:
    """`/api/health` answers 503 then."""
    assert of_main(name)[0]["livenessProbe"].keys() & {"httpGet", "exec"} == set()


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_gets_the_gpus_cores_and_shared_memory_of_its_pair(name: str) -> None:
    container, pair = of_main(name)[0], pair_of(name)
    on_gpus = "specreason-gpu" in container["image"]
    gpus = container["resources"]["limits"].get("nvidia.com/gpu", 0)
    assert gpus == (pair.num_devices if on_gpus else 0)
    if on_gpus:
        assert quantity(container["resources"]["requests"]["cpu"]) >= cores_needed(pair)
    shm = next(volume["emptyDir"] for volume in pod(name)["volumes"] if volume["name"] == "shm")
    assert shm["medium"] == "Memory"
    assert quantity(shm["sizeLimit"]) >= shared_memory_needed(pair)
    assert {"name": "shm", "mountPath": "/dev/shm"} in container["volumeMounts"]


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_is_replaced_without_spare_gpus_and_may_drain(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(name, monkeypatch)
    assert pod(name)["terminationGracePeriodSeconds"] >= settings.drain_s + 20
    assert settings.beat_s <= settings.lease_s / 4
    assert RESOURCES[name]["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0
    assert pod(name)["shareProcessNamespace"]


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_is_asked_for_its_lease_and_not_killed_while_it_loads(name: str) -> None:
    container, _ = of_main(name)
    startup, ready, alive = (container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness"))
    stage = stages()[container["image"].rpartition("/")[2].partition(":")[0].removeprefix("specreason-")]
    assert "COPY docker/worker_health.py ./" in stage
    for probe in (startup, ready, alive):
        assert probe["exec"]["command"] == ["python", "/app/worker_health.py"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 7200
    assert alive["periodSeconds"] * alive["failureThreshold"] >= 3600


@pytest.mark.parametrize("name", [*APIS, *WORKERS])
def test_a_node_is_emptied_pod_by_pod(name: str) -> None:
    overlay, _, own = name.split("/")
    assert RESOURCES[f"{overlay}/PodDisruptionBudget/{own}"]["spec"]["maxUnavailable"] == 1


def test_what_several_nodes_mount_at_once_says_so() -> None:
    for claim in ("files", "model-cache"):
        spec = RESOURCES[f"example/PersistentVolumeClaim/{claim}"]["spec"]
        assert (spec["accessModes"], "storageClassName" in spec) == (["ReadWriteMany"], True)


def test_no_file_holds_a_secret_and_the_example_names_every_one() -> None:
    for path in Path(KUBERNETES).rglob("*"):
        if path.is_file():
            assert not re.search(r"://[^/\s@:]+:[^@\s]+@", path.read_text())
            assert "kind: Secret" not in path.read_text()
    assert re.findall(r"^\w*(?:PASSWORD|TOKEN|KEY)=(.*)$", EXAMPLE_SECRET, re.MULTILINE) == ["", "", ""]
    read = {
        variable["valueFrom"]["secretKeyRef"]["key"]
        for resource in RESOURCES.values()
        for container in containers_of(resource)
        for variable in container.get("env", [])
        if "secretKeyRef" in variable.get("valueFrom", {})
    }
    assert read == SECRET.keys()
