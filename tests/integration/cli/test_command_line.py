"""The command line: exit statuses, one-line errors, and their JSON form."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.messages import names

BARE = {name: value for name, value in os.environ.items() if not name.startswith("SPECREASON_")}


def specreason(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "specreason.cli.main", *arguments],
        env=BARE | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_every_command() -> None:
    answer = specreason("--help")
    assert answer.returncode == 0
    for command in (
        "up",
        "down",
        "status",
        "demo",
        "api",
        "worker",
        "db",
        "keys",
        "doctor",
        "ask",
        "submit",
        "batch",
        "job",
        "search",
        "workers",
    ):
        assert f" {command} " in answer.stdout
    assert "8 timeout" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "says"),
    [
        (["worker"], {}, 2, "SPECREASON_DATABASE_URL"),
        (
            ["worker", "--pair", "nobody"],
            {"SPECREASON_DATABASE_URL": "postgresql://x@/x"},
            2,
            "'nobody'",
        ),
        (["up", "--pair", "nobody"], {}, 2, "'nobody'"),
        (["db", "upgrade"], {"SPECREASON_DATABASE_URL": "mysql://x/y"}, 2, "'mysql'"),
        (["db", "upgrade"], {"SPECREASON_DATABASE_URL": "not a url"}, 2, "postgresql://"),
        (
            ["db", "upgrade"],
            {"SPECREASON_DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/d"},
            7,
            "127.0.0.1:1",
        ),
        (["up"], {"SPECREASON_SLOTS": "many"}, 2, "SPECREASON_SLOTS"),
        (["demo", "--problems", "0"], {}, 2, "--problems"),
        (["fly"], {}, 2, "'fly'"),
        (["batch", "show"], {}, 2, "specreason batch show --help"),
        (["batch", "list", "--limit", "0"], {}, 2, "--limit"),
        (["batch", "requeue", str(UUID(int=0))], {}, 2, "--state"),
        (["batch", "priority", str(UUID(int=0)), "101"], {}, 2, "100"),
        (["workers"], {"SPECREASON_API_URL": "nowhere"}, 2, "http://"),
        (
            ["workers"],
            {"SPECREASON_API_URL": "http://127.0.0.1:1", "SPECREASON_API_KEY": "sr_secret"},
            7,
            "http://127.0.0.1:1",
        ),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(
    arguments: list[str], environment: dict[str, str], status: int, says: str
) -> None:
    answer = specreason(*arguments, **environment)
    assert answer.returncode == status, answer.stderr
    assert says in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "secret" not in answer.stderr


def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = specreason("up", "--port", str(port), "--data-dir", str(tmp_path / "data"))
    assert answer.returncode == 2
    assert names(answer.stderr, "port:", f"127.0.0.1:{port}", "Address already in use")
    assert not (tmp_path / "data").exists()


def test_a_service_that_cannot_start_says_so_in_json_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        api = specreason("api", "--port", str(port), "--json")
    worker = specreason("worker", "--pair", "nobody", "--json")
    for answer, says in ((api, f"127.0.0.1:{port}"), (worker, "'nobody'")):
        error = json.loads(answer.stdout)["error"]
        assert (answer.returncode, error["exit_status"]) == (2, 2)
        assert says in error["message"]


def test_a_data_directory_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    answer = specreason("up", "--port", "0", "--data-dir", str(tmp_path))
    assert answer.returncode == 7
    assert str(tmp_path) in answer.stderr
    assert "Traceback" not in answer.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]


@pytest.mark.parametrize(
    "arguments", [["fly"], ["batch"], ["batch", "list", "--limit", "0"], ["submit", "no.jsonl"]]
)
def test_json_errors_are_one_object_on_stdout_whatever_is_wrong(arguments: list[str]) -> None:
    answer = specreason(*arguments, "--json")
    error = json.loads(answer.stdout)["error"]
    assert (answer.returncode, error["exit_status"]) == (2, 2)
    assert error["message"]


def test_a_json_error_names_the_field() -> None:
    answer = specreason("db", "upgrade", "--json", SPECREASON_DATABASE_URL="not a url")
    assert answer.returncode == 2
    assert json.loads(answer.stdout)["error"]["exit_status"] == 2


def test_the_version_is_printed_plain_and_as_json() -> None:
    plain, as_json = specreason("version"), specreason("version", "--json")
    assert json.loads(as_json.stdout) == {"version": plain.stdout.strip()}


def test_the_shell_completes_pairs_and_commands() -> None:
    def completed(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
        answer = specreason(_SPECREASON_COMPLETE="complete_bash", **words)
        return answer.stdout.split()

    assert completed("specreason ba") == ["batch"]
    assert completed("specreason submit x --pair demo-") == ["demo-decode"]
