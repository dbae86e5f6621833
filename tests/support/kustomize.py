"""What `kubectl kustomize` makes of a folder, as far as deploy/kubernetes uses kustomize. Other fields are refused.

tests/integration/test_kubernetes.py compares it with kubectl's own output where there is a kubectl.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Resource = dict[str, Any]
FIELDS = {
    *(
        "apiVersion",
        "kind",
        "resources",
        "namespace",
        "nameSuffix",
        "labels",
        "images",
        "replicas",
        "patches",
    ),
    *("secretGenerator", "generatorOptions"),
}
# The keys by which a strategic merge knows the items of a list.
LIST_KEYS = {"volumeMounts": "mountPath", "ports": "containerPort"}
SELECTORS = {
    "Service": ("spec", "selector"),
    "Deployment": ("spec", "selector", "matchLabels"),
    "StatefulSet": ("spec", "selector", "matchLabels"),
    "PodDisruptionBudget": ("spec", "selector", "matchLabels"),
}


def build(folder: Path, *, secrets: dict[str, dict[str, str]] | None = None) -> list[Resource]:
    """The resources of a folder. `secrets`: what the generated Secrets hold, in place of files that git ignores."""
    steps = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert steps.keys() <= FIELDS, steps.keys() - FIELDS
    resources = [each for name in steps["resources"] for each in _read(folder / name, secrets)]
    for secret in steps.get("secretGenerator", []):
        assert steps["generatorOptions"] == {"disableNameSuffixHash": True}
        data = (secrets or {})[secret["name"]]
        resources.append(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret["name"]}, "stringData": data}
        )
    for patch in steps.get("patches", []):
        _patch(resources, patch)
    for resource in resources:
        if "namespace" in steps:
            resource["metadata"]["namespace"] = steps["namespace"]
    for replicas in steps.get("replicas", []):
        (resource,) = [each for each in resources if _is(each, "Deployment", replicas["name"])]
        resource["spec"]["replicas"] = replicas["count"]
    for resource in resources:
        resource["metadata"]["name"] += steps.get("nameSuffix", "")
        for labels in steps.get("labels", []):
            _label(resource, labels["pairs"], in_selectors=labels["includeSelectors"])
        for container in containers_of(resource):
            for image in steps.get("images", []):
                if container["image"] == image["name"]:
                    tag = f":{image['newTag']}" if "newTag" in image else ""
                    container["image"] = image.get("newName", image["name"]) + tag
    return resources


def containers_of(resource: Resource) -> list[dict[str, Any]]:
    """The containers of a resource that has pods, those that run first included."""
    pod = pod_of(resource)
    return [] if pod is None else [*pod.get("initContainers", []), *pod["containers"]]


def pod_of(resource: Resource) -> dict[str, Any] | None:
    """The specification of its pods, None if it has none."""
    pod: dict[str, Any] | None = resource.get("spec", {}).get("template", {}).get("spec")
    return pod


def _read(path: Path, secrets: dict[str, dict[str, str]] | None) -> Iterator[Resource]:
    if path.is_dir():
        yield from build(path, secrets=secrets)
    else:
        yield from yaml.safe_load_all(path.read_text())


def _is(resource: Resource, kind: str, name: str | None) -> bool:
    return resource["kind"] == kind and name in (None, resource["metadata"]["name"])


def _patch(resources: list[Resource], patch: dict[str, Any]) -> None:
    """A patch that fits no resource is an error, as a misspelt name would be."""
    change = yaml.safe_load(patch["patch"])
    if isinstance(change, list):
        target = patch["target"]
        fitting = [each for each in resources if _is(each, target["kind"], target.get("name"))]
        for resource in fitting:
            for operation in change:
                _operate(resource, operation)
    else:
        assert "target" not in patch
        fitting = [each for each in resources if _is(each, change["kind"], change["metadata"]["name"])]
        for resource in fitting:
            _merge(resource, change)
    assert fitting, change


def _operate(resource: Resource, operation: dict[str, Any]) -> None:
    *path, last = operation["path"].strip("/").split("/")
    parent = resource
    for key in path:
        parent = parent[key]
    assert operation["op"] in ("add", "replace")
    assert (last in parent) == (operation["op"] == "replace"), operation
    parent[last] = operation["value"]


def _merge(into: dict[str, Any], change: dict[str, Any]) -> None:
    for key, value in change.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            name = LIST_KEYS.get(key, "name")
            known = {item[name]: item for item in into[key]}
            for item in value:
                _merge(known[item[name]], item)
        else:
            into[key] = value


def _label(resource: Resource, pairs: dict[str, str], *, in_selectors: bool) -> None:
    assert in_selectors
    places = [resource["metadata"].setdefault("labels", {})]
    if "template" in resource.get("spec", {}):
        places.append(resource["spec"]["template"]["metadata"].setdefault("labels", {}))
    if resource["kind"] in SELECTORS:
        place = resource
        for key in SELECTORS[resource["kind"]]:
            place = place[key]
        places.append(place)
    for place in places:
        place.update(copy.deepcopy(pairs))
