"""`specreason compare` and `Client.analysis`: batches by their names, problems, and traces side by side."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from specreason.client import Client, short_id
from specreason.embedded import Servers
from specreason.store.session import Database, connect
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.builders import job_ids
from tests.support.store.databases import own_database
from tests.support.store.known import Known, build


@pytest.fixture(scope="module")
def database_url(servers: Servers, administration: Database) -> Iterator[str]:
    """One database for the tests here, which only read."""
    with own_database(servers, administration) as url:
        yield url


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    database = connect(database_url)
    yield database
    database.dispose()


@pytest.fixture(scope="module")
def known(database: Database) -> Known:
    return build(database)


def test_two_batches_are_compared_by_name_with_a_sentence_first(shell: Shell, known: Known) -> None:
    done = shell("compare", "base", short_id(known.specreason))
    assert done.status == 0
    assert "No difference in right answers is shown: 0.0 points" in done.out
    assert "pass@1, %" in done.out
    assert "B has won 1, lost 1, tied 2" in done.out
    assert "--problems lists those" in done.err
    whole = shell("compare", "base", "specreason", "--json").json["comparison"]
    assert (whole["num_pairs"], whole["figures"]["spent_tokens"]["b"]["mean"]) == (4, 31.5)
    assert shell("compare", "base", "specreason", "--price", "3600", "--json").json["comparison"]["figures"][
        "price"
    ]


def test_problems_are_listed_with_the_jobs_of_both(shell: Shell, known: Known) -> None:
    a, b = short_id(known.base), short_id(known.specreason)
    done = shell("compare", "base", "specreason", "--problems")
    (won,) = [line for line in done.out.splitlines() if " won " in line and "problems:" not in line]
    assert names(won, f"{a}/2", f"{b}/2/0", "wrong", "right")
    tied = shell("compare", "base", "specreason", "--outcome", "tied", "--limit", "1", "--json").json[
        "problems"
    ]
    assert (len(tied["data"]), tied["has_more"], tied["data"][0]["outcome"]) == (1, True, "tied")
    assert shell("compare", "base", "specreason", "--outcome", "one").status == 2


def test_the_traces_of_a_problem_or_of_two_jobs_stand_side_by_side(shell: Shell, known: Known) -> None:
    by_problem = shell("compare", "base", "specreason", "--problem", "p1", "--repeat", "0")
    assert by_problem.status == 0, by_problem.err
    a, b = f"{short_id(known.base)}/1", f"{short_id(known.specreason)}/1/0"
    by_jobs = shell("compare", a, b)
    assert by_jobs.out == by_problem.out
    assert "The traces part at step 0" in by_jobs.out
    (first,) = [line for line in by_jobs.out.splitlines() if "So it is 0." in line]
    assert "I guess 0." in first
    whole = shell("compare", a, str(known.job), "--json").json
    assert (whole["parting"]["index"], len(whole["steps"]["data"])) == (0, 3)
    assert whole["steps"]["data"][2]["b"]["kept_text"] == r"\boxed{5}"
    rest = shell("compare", a, b, "--from-step", "1", "--limit", "1")
    assert "So it is 1." in rest.out
    assert "So it is 0." not in rest.out
    assert "steps 1 to 1 of 3 steps" in rest.err


def test_of_several_repeats_one_is_shown_and_named(shell: Shell, known: Known) -> None:
    done = shell("compare", "specreason", "specreason", "--problem", "p1")
    assert "repeat 0; --repeat shows another of 2" in done.err


def test_whole_ids_name_batches_or_jobs(shell: Shell, database: Database, known: Known) -> None:
    assert "pass@1" in shell("compare", known.base, known.specreason).out
    one, other, *_ = job_ids(database, known.base)
    assert "The traces have the same text in all 3 steps." in shell("compare", one, other).out


WRONG: list[tuple[tuple[str, ...], int, tuple[object, ...]]] = [
    (("base", "nobody"), 4, ("'nobody'", "batch list")),
    (("base", "specreason", "--problem", "p9"), 4, ("problem:", "'p9'")),
    (("base", "specreason", "--problem", "p1", "--repeat", "7"), 4, ("repeat:", 7)),
    (("base", "specreason", "--repeat", "1"), 2, ("--repeat", "--problem")),
    (("base", "specreason", "--full"), 2, ("--full", "--problem")),
    (("base", "specreason", "--from-step", "0"), 2, ("--from-step", "--problem")),
    (("base", "specreason", "--limit", "5"), 2, ("--limit", "--problems")),
    (("base", "specreason", "--problem", "p1", "--problems"), 2, ("--problems", "--problem")),
    (("base", "specreason", "--problem", "p1", "--outcome", "won"), 2, ("--outcome", "--problem")),
    (("base", "specreason", "--problem", "p1", "--price", "0"), 2, ("--price", "--problem")),
    (("base", "specreason", "--problem", "p1", "--from-step", "3"), 2, ("--from-step", 3)),
    (("base/1", "specreason/1/0", "-k", "2"), 2, ("-k", "two batches")),
    (("base/1", "specreason/1/0", "--plot", "x.png"), 2, ("--plot", "two batches")),
    (("base", "specreason", "-k", "9"), 2, ("k:", 9)),
    (("base", "specreason", "--plot", "x.gif"), 2, ("--plot", ".png")),
    (("base/77", "specreason/1/0"), 4, ("job:", "base/77")),
    (("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"), 4, ("job:",)),
]


def test_what_does_not_exist_is_named(shell: Shell, known: Known) -> None:
    for arguments, status, said in WRONG:
        done = shell("compare", *arguments)
        assert (done.status, done.out) == (status, ""), arguments
        assert names(done.err, *said), done.err


def test_a_comparison_is_drawn(shell: Shell, known: Known, tmp_path: Path) -> None:
    path = tmp_path / "compared.svg"
    done = shell("compare", "base", "specreason", "--plot", path)
    assert done.status == 0, done.err
    assert ET.parse(path).getroot().tag.endswith("svg")
    missing = shell("compare", "base", "specreason", "--plot", tmp_path / "no" / "x.png")
    assert (missing.status, "--plot" in missing.err) == (2, True)


def test_the_client_returns_values(client: Client, known: Known) -> None:
    compared = client.analysis.compare(known.base, known.specreason)
    assert compared.figures.latency_s is not None
    assert compared.figures.latency_s.ratio is not None
    assert compared.figures.latency_s.ratio.mean == pytest.approx(2.05 / 2.7)
    pairs = list(client.analysis.compared_problems(known.base, known.specreason, outcomes=("won", "lost")))
    assert [(pair.problem_id, pair.outcome) for pair in pairs] == [("p1", "lost"), ("p2", "won")]
    parting = client.analysis.parting(pairs[0].job_a, pairs[0].job_b)
    assert (parting.index, parting.same_problem) == (0, True)
