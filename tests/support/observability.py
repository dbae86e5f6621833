"""The files of deploy/observability, and the metrics that their expressions name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.deployment_files import ROOT

FOLDER = ROOT / "deploy" / "observability"
ALERTS: dict[str, Any] = yaml.safe_load((FOLDER / "alerts.yml").read_text())
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "specreason.json").read_text())
SELECTOR = re.compile(r"(specreason_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
BY = re.compile(r"by \(([^)]*)\)")
# Labels that Prometheus itself gives to what it reads.
GIVEN = frozenset({"instance", "job"})
SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_count", "_sum"),
    "gauge": ("",),
    "info": ("_info",),
}


def rules() -> list[dict[str, Any]]:
    return [rule for group in ALERTS["groups"] for rule in group["rules"]]


def expressions_of_panel(panel: Mapping[str, Any]) -> list[str]:
    return [target["expr"] for target in panel.get("targets", ())]


def expressions() -> Iterator[str]:
    """Every expression of the rules, the panels and the dashboard's variables."""
    yield from (rule["expr"] for rule in rules())
    for panel in DASHBOARD["panels"]:
        yield from expressions_of_panel(panel)
    yield from (variable["definition"] for variable in DASHBOARD["templating"]["list"])


def exposed(*texts: str) -> dict[str, frozenset[str]]:
    """The names of the series in what processes expose, and the labels of each."""
    found: dict[str, set[str]] = {}
    for text in texts:
        for family in text_string_to_metric_families(text):
            for suffix in SUFFIXES.get(family.type, ("",)):
                found.setdefault(f"{family.name}{suffix}", set())
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return {name: frozenset(labels) for name, labels in found.items()}
