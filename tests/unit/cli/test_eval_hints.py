"""What an evaluation says of how to go on: the command, and where it finds what was run."""

from __future__ import annotations

from pathlib import Path

import pytest

from specreason.cli.evaluating.deployment import hint, url_of_api
from specreason.cli.evaluating.running import AGAIN, saying_how_to_go_on
from specreason.errors import (
    EmbeddedServerError,
    InvalidField,
    LimitReached,
    SpecReasonError,
    StillRunning,
    TimedOut,
    Unreachable,
)

REPORT = "specreason report --eval sums"
FOLDER = Path("/data/evals")


def test_a_command_at_the_usual_api_needs_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECREASON_API_URL", "http://here:1")
    assert hint(REPORT, "http://here:1", None) == f"`{REPORT}`"


def test_a_command_at_another_api_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECREASON_API_URL", "http://here:1")
    assert hint(REPORT, "http://there:2", None) == f"`{REPORT} --api http://there:2`"


def test_what_ran_on_a_folder_of_its_own_is_found_by_an_up_on_that_folder() -> None:
    up = f"specreason up --data-dir {FOLDER}"
    assert hint(REPORT, None, FOLDER) == f"with `{up}` running, `{REPORT}`"
    assert hint(REPORT, None, None) == f"with `specreason up` running, `{REPORT}`"


def test_a_folder_beside_an_api_that_is_named_is_refused_and_not_ignored() -> None:
    with pytest.raises(InvalidField, match="--data-dir: has no effect: --api names"):
        url_of_api("http://there:2", FOLDER)


@pytest.mark.parametrize(
    "error",
    [
        LimitReached("the quota is used up", retry_after_s=3.0),
        StillRunning("another one runs"),
        EmbeddedServerError("the worker has ended"),
        TimedOut("6 jobs have not ended"),
        Unreachable("the API is away"),
    ],
)
def test_whatever_ends_an_eval_early_says_that_the_same_command_goes_on(error: SpecReasonError) -> None:
    with (
        pytest.raises(type(error), match=f"{error}; the work goes on, and {AGAIN}"),
        saying_how_to_go_on(is_own_stack=False),
    ):
        raise error
