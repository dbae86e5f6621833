"""What `specreason eval` refuses: other problems or knobs under a name that is taken, and wrong options."""

from __future__ import annotations

import json

import pytest

from specreason.store.session import Database
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.sql import scalar
from tests.support.workers.answering import answering

EVAL = ("eval", "--limit", 3, "--schemes", "base,specreason")
NUM_BATCHES = "SELECT count(*) FROM batch"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--seed", 1), ("--name", "seed 0", "asks for 1")),
        (("--config", '{"temperature": 0}'), ("--name", "temperature 0.6", "asks for 0")),
        (("--limit", 2), ("--name", "other problems", "'demo'", "--limit")),
    ],
)
def test_other_problems_or_other_fixed_knobs_under_the_same_name_are_refused(
    shell: Shell, database: Database, arguments: tuple[object, ...], told: tuple[str, ...]
) -> None:
    with answering(database, "demo"):
        shell(*EVAL)
    refused = shell(*EVAL, *arguments)
    assert refused.status == 2
    assert names(refused.err, *told)
    assert scalar(database, NUM_BATCHES) == 2
    assert shell(*EVAL, *arguments, "--name", "new", "--dry-run").status == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--dataset", "dmeo"), ("--dataset", "'dmeo'", "did you mean 'demo'")),
        (("--schemes", "base,specraeson"), ("--schemes", "specraeson", "did you mean 'specreason'")),
        (("--thresholds", "5;7"), ("--thresholds", "numbers", "5;7")),
        (("--thresholds", "5,12"), ("--thresholds", "at most 9")),
        (("--schemes", "base", "--thresholds", "5"), ("--thresholds", "no effect")),
        (("--config", '{"repeats": 2}'), ("config.repeats", "--repeats")),
        (
            ("--config", '{"token_budget": 9}', "--token-budgets", "9"),
            ("config.token_budget", "--token-budgets"),
        ),
        (("--problem", "text"), ("--problem", "no effect")),
        (("--slots", 2), ("--slots", "no effect")),
        (("--data-dir", "evals"), ("--data-dir", "no effect", "SPECREASON_API_URL")),
        (("--repeats", 1025), ("--repeats", "1024")),
        (("--dataset", ",".join(["dmeo"] * 60)), ("--dataset", "'dmeo'", "did you mean 'demo'")),
        (("--dataset", "d" * 300), ("--dataset", "no dataset of this name")),
        (("--token-budgets", ",".join(map(str, range(1, 103)))), ("--token-budgets", "more than 101")),
        (("--config", '{"min_p": 0.1}', "--schemes", "base,specdecode"), ("config.min_p", "--schemes")),
        (("--pair", "demos"), ("pair", "did you mean 'demo")),
        (("--pair", "qwen3-1_7b_0_6b", "--schemes", "specdecode"), ("--schemes", "specdecode", "pairs.toml")),
    ],
)
def test_wrong_options_are_refused_by_their_names_before_anything_is_sent(
    shell: Shell, database: Database, arguments: tuple[object, ...], told: tuple[str, ...]
) -> None:
    refused = shell("eval", *arguments, "--json")
    assert refused.status == 2
    assert names(json.loads(refused.out)["error"]["message"], *told)
    assert scalar(database, NUM_BATCHES) == 0
