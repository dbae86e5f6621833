"""Batches, jobs and keys by the names that a person types."""

from __future__ import annotations

import pytest

from specreason.cli.completion import complete_batch
from specreason.client import Client, short_id
from specreason.errors import InvalidField, NotFound
from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.support.api.guarded import make_key
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.builders import job_ids, submit

LINES = b'{"problem": "What is 2 + 2?"}\n{"problem": "What is 3 + 3?"}\n'


def test_a_batch_is_found_by_its_id_by_a_part_of_it_and_by_its_name(client: Client) -> None:
    batch_id = client.submit(LINES, name="sums of 2026/11").batch_id
    client.submit(LINES, name="other")
    whole = str(batch_id)
    parts = (whole, whole.upper(), batch_id.hex, whole[:30], whole[-8:], whole[-4:], whole[-14:])
    for ref in (*parts, "sums of 2026/11"):
        assert client.find_batch(ref) == batch_id


def test_a_whole_id_asks_nothing() -> None:
    with Client("http://127.0.0.1:1", patience_s=0) as nobody:
        ref = "0193b2a4-0000-7000-8000-000000000000"
        assert str(nobody.find_batch(ref)) == ref
        assert str(nobody.find_job(ref)) == ref


@pytest.mark.parametrize("ref", ["nobody", "sum", "%", "abc", "sums_"])
def test_what_no_batch_is_called_is_not_found_and_named(client: Client, ref: str) -> None:
    client.submit(LINES, name="sums2")
    with pytest.raises(NotFound, match=f"^batch: .*'{ref}'.*batch list"):
        client.find_batch(ref)


def test_three_digits_are_no_part_of_an_id(client: Client) -> None:
    batch_id = client.submit(LINES).batch_id
    with pytest.raises(NotFound):
        client.find_batch(short_id(batch_id)[-3:])


def test_of_several_batches_with_one_name_none_is_guessed(client: Client, shell: Shell) -> None:
    ids = [client.submit(LINES, name="sums", priority=number).batch_id for number in range(7)]
    ended = shell("batch", "show", "sums", "--json")
    error = ended.json["error"]
    assert (ended.status, error["field"]) == (2, "batch")
    # The newest are told, by the ids to choose from.
    assert names(error["message"], *map(short_id, ids[2:]), "more")
    assert short_id(ids[0]) not in error["message"]


def test_a_job_is_found_by_its_place_in_its_batch(client: Client, database: Database) -> None:
    once, often = submit(database, 2), submit(database, 2, repeats=2)
    first, second = job_ids(database, once)
    short = short_id(once)
    assert client.find_job(f"{short}/0") == first
    assert client.find_job(f"{once}/1") == second
    assert client.find_job(f"{short}/1/0") == second
    assert client.find_job(str(second)) == second
    of_often = {
        (job.problem_index, job.repeat): client.find_job(
            f"{short_id(often)}/{job.problem_index}/{job.repeat}"
        )
        for job in client.jobs(often)
    }
    assert sorted(of_often.values()) == sorted(job_ids(database, often))


def test_a_name_with_numbers_behind_slashes_is_a_name_too(client: Client) -> None:
    batch_id = client.submit(LINES, name="runs/7").batch_id
    first, _ = client.jobs(batch_id)
    assert client.find_job("runs/7/0") == first.job_id
    assert client.find_job("runs/7/0/0") == first.job_id


def test_a_place_without_a_job_is_not_found_and_one_with_several_repeats_must_name_one(
    client: Client, database: Database
) -> None:
    often = short_id(submit(database, 1, repeats=2))
    with pytest.raises(NotFound, match=f"^job: .*{often}/9"):
        client.find_job(f"{often}/9")
    with pytest.raises(InvalidField, match=f"^job: .*{often}/0/0"):
        client.find_job(f"{often}/0")
    with pytest.raises(InvalidField, match=r"^job: .*BATCH/INDEX"):
        client.find_job(often)
    with pytest.raises(NotFound, match=r"^batch: .*nobody"):
        client.find_job("nobody/0")


def test_the_repeat_that_is_named_as_an_example_is_there(client: Client) -> None:
    later = client.submit(LINES, config={"repeats": 2, "first_repeat": 4}).batch_id
    with pytest.raises(InvalidField, match=f"such as {later}/0/4$"):
        client.find_job(f"{later}/0")
    assert client.find_job(f"{later}/0/4") == next(client.jobs(later)).job_id


def test_every_command_takes_a_short_id_or_a_name(shell: Shell, client: Client) -> None:
    batch_id = client.submit(LINES, name="sums").batch_id
    for ref in (short_id(batch_id), "sums"):
        for command in ("show", "jobs", "pause", "resume", "cancel", "results", "retry"):
            assert shell("batch", command, ref).status == 0, command
        assert shell("batch", "requeue", ref, "--state", "cancelled").status == 0
        assert shell("batch", "priority", ref, 3).status == 0
        assert shell("batch", "deadline", ref).status == 0
        for command in ("show", "steps", "attempts", "cancel", "requeue", "deadline"):
            assert shell("job", command, f"{ref}/1").status == 0, command
        assert shell("batch", "watch", ref, "--timeout", 0.1).status == 8
    assert shell("batch", "show", "sums", "--json").json["batch_id"] == str(batch_id)


def test_what_commands_print_is_what_they_take(shell: Shell, database: Database) -> None:
    batch_id = submit(database, 2, repeats=2)
    listed = shell("batch", "list").out.splitlines()[1].split()[0]
    assert listed == short_id(batch_id)
    jobs = [line.split()[0] for line in shell("batch", "jobs", listed).out.splitlines()[1:]]
    found = [shell("job", "show", job, "--json").json["job_id"] for job in jobs]
    assert found == list(map(str, job_ids(database, batch_id)))
    assert jobs[0] in shell("job", "show", jobs[0]).out
    assert jobs[0] in shell("job", "steps", jobs[0]).out


def test_another_owners_batch_is_not_found_by_any_name(
    locked: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = (make_key(database, owner, [Scope.SUBMIT, Scope.READ]).secret for owner in ("ada", "bob"))
    with Client(locked.url, ada) as client:
        batch_id = client.submit(LINES, name="sums").batch_id
        assert client.find_batch("sums") == client.find_batch(short_id(batch_id)) == batch_id
    with Client(locked.url, bob) as client:
        for ref in ("sums", short_id(batch_id), str(batch_id)[:20]):
            with pytest.raises(NotFound):
                client.find_batch(ref)
        own = client.submit(LINES, name="sums").batch_id
        assert client.find_batch("sums") == own


def test_a_key_is_revoked_by_a_part_of_its_id_or_by_its_name(shell: Shell) -> None:
    for _ in range(2):
        assert shell("keys", "create", "laptop").status == 0
    new, old = (key["key_id"] for key in shell("keys", "list", "--json").json["data"])
    several = shell("keys", "revoke", "laptop")
    assert several.status == 2
    assert names(several.err, new[-8:], old[-8:])
    assert old[-8:] in shell("keys", "list").out
    assert shell("keys", "revoke", old[-8:]).status == 0
    # Of two keys with one name, one still counts.
    assert shell("keys", "revoke", "laptop", "--json").json["key_id"] == new
    assert shell("keys", "revoke", "nobody").status == 4


def test_short_ids_and_names_are_completed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specreason.cli.completion.LIMIT_S", 30.0)  # the machine may be busy
    batch_id = client.submit(LINES, name="sums").batch_id
    short, whole = short_id(batch_id), str(batch_id)
    assert complete_batch(short[:3]) == [(short, "sums, 0/2")]
    assert complete_batch(whole[:18]) == [(whole, "sums, 0/2")]
    assert complete_batch("su") == [("sums", f"{short}, 0/2")]
    client.submit(LINES, name="sums", priority=1)
    assert complete_batch("su") == []
