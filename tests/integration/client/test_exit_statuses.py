"""The exit status of a command says what kind of error it was."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.support.api.guarded import make_key
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.sql import execute

CSV = 'problem,answer,level\n"What is 2 + 2,\nin words?",4,easy\nWhat is 3 + 3?,6,\n'


def num_batches(database: Database) -> int:
    count: int = read_only_query(database, "SELECT count(*) FROM batch").rows[0][0]
    return count


@pytest.mark.parametrize(
    "command",
    [("batch", "show"), ("batch", "watch"), ("batch", "cancel"), ("job", "show"), ("job", "cancel")],
)
def test_what_is_not_there_is_status_4(shell: Shell, command: tuple[str, str]) -> None:
    missing = uuid4()
    ended = shell(*command, missing, "--json")
    assert (ended.status, ended.json["error"]["exit_status"]) == (4, 4)
    assert str(missing) in ended.json["error"]["message"]


def test_a_key_that_does_not_count_or_may_not_is_status_5(
    locked: Shell, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV)

    def refusal(*arguments: object) -> str:
        ended = locked(*arguments, "--json")
        error = ended.json["error"]
        assert (ended.status, error["exit_status"]) == (5, 5)
        assert error["message"] in ended.err
        message: str = error["message"]
        return message

    monkeypatch.delenv("SPECREASON_API_KEY", raising=False)
    needed = refusal("batch", "list")
    assert "SPECREASON_API_KEY" in needed
    monkeypatch.setenv("SPECREASON_API_KEY", "sr_wrong")
    assert names(refusal("submit", path), "API key")
    monkeypatch.setenv("SPECREASON_API_KEY", make_key(database, "ada", [Scope.READ]).secret)
    assert locked("batch", "list").status == 0
    assert "'submit'" in refusal("submit", path)
    assert num_batches(database) == 0


def test_an_idempotency_key_that_was_used_for_something_else_is_status_6(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV)
    assert shell("submit", path).status == 0
    execute(database, "UPDATE idempotency_key SET body_hash = 'of something else'")
    ended = shell("submit", path, "--json")
    assert (ended.status, ended.json["error"]["exit_status"]) == (6, 6)
    assert "Idempotency-Key" in ended.err
    assert shell("submit", path, "--again").status == 0
    assert num_batches(database) == 2


def test_a_server_that_is_not_there_is_status_7(shell: Shell) -> None:
    ended = shell("batch", "list", "--api", "http://127.0.0.1:1", "--json")
    assert (ended.status, ended.json["error"]["exit_status"]) == (7, 7)
    assert "http://127.0.0.1:1" in ended.err
