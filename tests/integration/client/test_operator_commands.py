"""`specreason workers`, `db` and `doctor`: what an operator asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from specreason.cli.running import announced, now_serving, this_process
from specreason.embedded import Servers
from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.support.api.guarded import make_key
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.builders import (
    start_worker,
)
from tests.support.store.sql import execute

OKAY_CHECKS = ("python", "files", "pair", "models", "database", "broker", "schema", "api", "key")


def test_workers_are_listed(shell: Shell, database: Database) -> None:
    worker_id = start_worker(database)
    assert shell("workers", "--json").json["data"][0]["worker_id"] == str(worker_id)
    assert "0/16" in shell("workers").out


def test_the_schema_is_checked_and_brought_up_to_date(shell: Shell) -> None:
    assert shell("db", "upgrade").status == 0
    assert shell("db", "check", "--json").json == {"ok": True}


def test_a_newer_database_is_one_line_wherever_it_is_met(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    execute(database, "UPDATE alembic_version SET version_num = 'r9999'")
    for command in (("db", "upgrade"), ("db", "check")):
        ended = shell(*command)
        assert (ended.status, ended.err.count("\n")) == (2, 1)
        assert "install" in ended.err
    ended = shell("doctor", "--json", "--data-dir", tmp_path)
    (schema,) = [check for check in ended.json["checks"] if check["name"] == "schema"]
    assert (ended.status, schema["status"]) == (3, "fail")
    assert "install" in schema["remedy"]


def test_the_doctor_finds_a_deployment_well_and_says_what_is_missing(
    shell: Shell, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = shell("doctor", "--json", "--data-dir", tmp_path)
    found = {check["name"]: check["status"] for check in ended.json["checks"]}
    assert (ended.status, ended.json["ok"]) == (0, True)
    assert {found[name] for name in OKAY_CHECKS} == {"ok"}
    assert found["workers"] == "warn"
    monkeypatch.setenv("SPECREASON_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("SPECREASON_DATABASE_URL", "postgresql://u@127.0.0.1:1/d")
    broken = shell("doctor", "--pair", "nobody", "--data-dir", tmp_path)
    assert broken.status == 3
    for line in ("fail pair", "fail database", "fail broker", "start Postgres", "start Valkey"):
        assert line in broken.out


def test_the_doctor_asks_the_api_for_its_workers_where_no_database_is_known(
    shell: Shell, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPECREASON_DATABASE_URL")
    start_worker(database)

    def workers_of(pair: str) -> str:
        checks = shell("doctor", "--pair", pair, "--json", "--data-dir", tmp_path).json["checks"]
        (status,) = [check["status"] for check in checks if check["name"] == "workers"]
        return str(status)

    assert (workers_of("scripted"), workers_of("nobody")) == ("ok", "warn")


def test_the_doctor_asks_whether_the_api_takes_the_key(
    locked: Shell, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> tuple[str, str]:
        checks = locked("doctor", "--json", "--data-dir", tmp_path).json["checks"]
        (key,) = [check for check in checks if check["name"] == "key"]
        assert ("ok", "api") in {(check["status"], check["name"]) for check in checks}
        assert bool(key["remedy"]) == (key["status"] != "ok")
        return key["status"], key["found"]

    assert found()[0] == "fail"
    monkeypatch.setenv("SPECREASON_API_KEY", "sr_wrong")
    assert found()[0] == "fail"
    monkeypatch.setenv("SPECREASON_API_KEY", make_key(database, "ada", [Scope.SUBMIT]).secret)
    assert found()[0] == "warn"
    monkeypatch.setenv("SPECREASON_API_KEY", make_key(database, "ada").secret)
    status, said = found()
    assert (status, names(said, "SPECREASON_API_KEY")) == ("ok", True)


def test_the_doctor_goes_on_where_the_workers_cannot_be_counted(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    with database.begin() as connection:
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text("LOCK TABLE worker IN ACCESS EXCLUSIVE MODE"))
        ended = shell("doctor", "--json", "--data-dir", tmp_path)
    found = {check["name"]: check["status"] for check in ended.json["checks"]}
    assert (found["schema"], found["workers"], found["broker"], found["api"]) == ("ok", "fail", "ok", "ok")


def test_the_doctor_looks_at_the_up_that_runs_where_no_variable_names_another(
    shell: Shell,
    servers: Servers,
    database: Database,
    database_url: str,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DATABASE_URL", "BROKER_URL", "FILES_DIR", "API_URL"):
        monkeypatch.delenv(f"SPECREASON_{name}")
    pair = "demo-decode"
    worker_id = start_worker(database, pair=pair)
    up = this_process(
        pair=pair,
        slots=16,
        api_url=shell.url,
        database_url=database_url,
        broker_url=servers.broker_url,
        data_dir=str(tmp_path),
    )
    with announced(up):
        now_serving(up)
        found = {
            check["name"]: check for check in shell("doctor", "--json", "--data-dir", tmp_path).json["checks"]
        }
        status = shell("status", "--json", "--data-dir", tmp_path).json
    assert {found[name]["status"] for name in (*OKAY_CHECKS, "up", "workers", "memory")} == {"ok"}
    assert names(found["up"]["found"], pair, tmp_path)
    assert names(found["workers"]["found"], pair)
    assert names(found["files"]["found"], tmp_path / "files")
    assert names(found["database"]["found"], "answers")
    assert [worker["worker_id"] for worker in status["workers"]] == [str(worker_id)]
    assert (status["serving"], status["num_queued"], status["num_running"]) == (True, 0, 0)
    afterwards = shell("doctor", "--json", "--data-dir", tmp_path).json["checks"]
    (database_check,) = [check for check in afterwards if check["name"] == "database"]
    assert names(database_check["found"], "SPECREASON_DATABASE_URL")
