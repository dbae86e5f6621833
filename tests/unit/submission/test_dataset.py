"""What `specreason submit` makes of files, columns and options, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from specreason.cli.dataset.choices import grid_of, json_object, run_config, validated
from specreason.errors import InvalidField
from specreason.submission.datasets import Format
from tests.support.datasets import read
from tests.support.messages import naming


def test_a_row_of_any_format_names_its_place() -> None:
    (line,) = read(b'{"problem": "a"}').rows
    (row,) = read(b"problem,answer\na,b\n", Format.CSV).rows
    (item,) = read(b'[{"problem": "a"}]').rows
    assert (line.where, row.where, item.where) == ("line 1", "row 1", "item 1")


def test_options_go_before_the_file_and_defaults_are_left_to_the_server() -> None:
    chosen = run_config('{"seed": 1, "repeats": 4}', {"seed": 2, "scheme": None})
    assert chosen == {"seed": 2, "repeats": 4}


@pytest.mark.parametrize(
    ("config", "field"),
    [('{"treshold": 7}', "config.treshold"), ('{"threshold": 12}', "config.threshold"), ("[1]", "--config")],
)
def test_a_wrong_configuration_is_named_before_anything_is_sent(config: str, field: str) -> None:
    with pytest.raises(InvalidField) as raised:
        run_config(config, {})
    assert raised.value.field == field


def test_a_configuration_that_is_no_json_says_so() -> None:
    with pytest.raises(InvalidField, match=r"^--config: "):
        json_object("{", "--config")


def test_a_grid_is_lists_and_counts_a_threshold_only_where_it_matters() -> None:
    grid = grid_of(["scheme=base,specreason", "threshold=5,7"], {})
    assert grid == {"scheme": ["base", "specreason"], "threshold": [5, 7]}
    assert [(str(each.scheme), each.threshold) for each in validated({}, grid).configurations()] == [
        ("base", None),
        ("specreason", 5),
        ("specreason", 7),
    ]
    assert len(validated({"config": {"repeats": 3}}, None).configurations()) == 1
    assert grid_of([], {}) is None


@pytest.mark.parametrize(
    ("given", "config", "says"),
    [
        (["schema=base"], {}, "scheme=….* threshold=…"),
        (["scheme="], {}, "scheme=….* threshold=…"),
        (["scheme=base", "scheme=drafter"], {}, r"\bscheme\b(?!=)"),
        (["threshold=5"], {"threshold": 7}, r"\bthreshold\b(?!=)"),
        (["threshold=high"], {}, "'high'"),
        (["threshold=5,12"], {}, naming("config.threshold:", 9)),
        (["scheme=magic"], {}, "config.scheme"),
    ],
)
def test_a_wrong_grid_is_refused(given: list[str], config: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidField, match=says):
        grid_of(given, config)
