"""deploy/observability: rules after Prometheus's own form, a dashboard whose panels ask something, and their places."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.support.deployment_files import COMPOSE, ROOT, SERVICES, WORKERS, environment
from tests.support.observability import ALERTS, DASHBOARD, FOLDER, expressions, expressions_of_panel, rules

WORDS = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}
RULES = {
    "type": "object",
    "additionalProperties": False,
    "required": ["groups"],
    "properties": {
        "groups": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "rules"],
                "properties": {
                    "name": {"type": "string"},
                    "rules": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["alert", "expr", "labels", "annotations"],
                            "properties": {
                                "alert": {"type": "string", "pattern": "^[A-Z][A-Za-z]+$"},
                                "expr": {"type": "string", "minLength": 5},
                                "for": {"type": "string", "pattern": "^[1-9][0-9]*[smhd]$"},
                                "labels": {
                                    **WORDS,
                                    "required": ["severity"],
                                    "properties": {"severity": {"enum": ["warning", "critical"]}},
                                },
                                "annotations": {**WORDS, "required": ["summary", "description"]},
                            },
                        },
                    },
                },
            },
        }
    },
}


def test_the_rules_have_the_form_that_prometheus_reads() -> None:
    Draft202012Validator(RULES).validate(ALERTS)
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_rule_can_be_parsed_and_says_what_to_do(rule: dict[str, Any]) -> None:
    for opening, closing in ("()", "{}", "[]"):
        assert rule["expr"].count(opening) == rule["expr"].count(closing)
    # A label that the expression sums away is empty in a message.
    for label in re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())):
        assert label in ("instance", "pair")
        summed = re.search(r"^(?:sum|max|min)\b", rule["expr"].strip())
        assert summed is None or f"by ({label}" in rule["expr"]


@pytest.mark.parametrize(
    "what",
    ["AcceptanceCollapsed", "ScoresWithoutDigit", "StalledQueue", "NoWorker", "LeaseChurn", "GraderGaveUp"],
)
def test_there_is_a_rule_for_each_way_in_which_a_deployment_fails_silently(what: str) -> None:
    assert what in {rule["alert"] for rule in rules()}


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_a_counter_is_asked_only_for_how_it_grew_and_kinds_of_events_are_told_apart(expression: str) -> None:
    """A counter starts at zero in each process. Of several kinds, the largest is not their sum."""
    for before in re.findall(r"(\w*\(?)specreason_\w+_total", expression):
        assert before in ("rate(", "increase(")
    for labels, kinds in re.findall(r'max by \(([^)]*)\) \(\w+\(\w+\{kind=~"([^"]*)"', expression):
        assert "kind" in labels.split(", ") or "|" not in kinds


def test_an_api_without_an_address_is_down_too() -> None:
    (rule,) = (rule for rule in rules() if rule["alert"] == "ApiDown")
    assert 'absent(up{job="specreason-api"})' in rule["expr"]


def test_a_queue_is_stalled_only_where_its_own_workers_keep_no_step() -> None:
    (rule,) = (rule for rule in rules() if rule["alert"] == "StalledQueue")
    assert "and on (pair) max by (pair) (specreason_workers) > 0" in rule["expr"]
    assert "unless sum(increase(specreason_worker_steps_total[15m])) > 0" in rule["expr"]


def test_nobody_has_an_account_in_grafana() -> None:
    """Its own is `admin`, with the same as its password."""
    given = environment("grafana")
    assert given["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert given["GF_AUTH_BASIC_ENABLED"] == "false"
    assert given["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert given["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"


def test_each_panel_asks_prometheus_something_and_says_what_it_shows() -> None:
    datasource = yaml.safe_load((FOLDER / "datasources.yml").read_text())["datasources"][0]
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    assert len(panels) > 10
    for panel in panels:
        assert panel["description"], panel["title"]
        assert panel["datasource"] == {"type": datasource["type"], "uid": datasource["uid"]}
        assert expressions_of_panel(panel)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_no_two_panels_lie_on_each_other_and_none_is_wider_than_the_page() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_compose_gives_prometheus_and_grafana_the_files_and_they_run_in_their_profile_only() -> None:
    for name in ("prometheus", "grafana"):
        assert SERVICES[name]["profiles"] == ["observability"]
        for config in SERVICES[name]["configs"]:
            assert (ROOT / COMPOSE["configs"][config["source"]]["file"]).is_file()
    files = {(ROOT / config["file"]).resolve() for config in COMPOSE["configs"].values()}
    assert files == set(FOLDER.iterdir())


def test_prometheus_asks_the_api_and_every_worker_where_they_serve_metrics() -> None:
    scrapes = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    asked = {each["job_name"]: each["dns_sd_configs"][0] for each in scrapes}
    assert set(asked["specreason-worker"]["names"]) == set(WORKERS)
    for name in WORKERS:
        assert environment(name)["SPECREASON_METRICS_PORT"] == str(asked["specreason-worker"]["port"])
        assert environment(name)["SPECREASON_METRICS_HOST"] == "0.0.0.0"
        assert "ports" not in SERVICES[name]
    assert (asked["specreason-api"]["names"], asked["specreason-api"]["port"]) == (["api"], 8765)
    assert environment("api")["SPECREASON_METRICS_OPEN"] == "true"


def test_grafana_finds_the_dashboard_where_compose_puts_it() -> None:
    provider = yaml.safe_load((FOLDER / "dashboards.yml").read_text())["providers"][0]
    targets = [config["target"] for config in SERVICES["grafana"]["configs"]]
    assert f"{provider['options']['path']}/specreason.json" in targets
    assert environment("grafana")["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] in targets
    assert json.loads((FOLDER / "specreason.json").read_text()) == DASHBOARD
