"""The scripts of deploy/slurm: options that Slurm has, and what they do at a signal, with stand-ins of our programs."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from specreason.cli.checks.processes import cores_needed
from specreason.pairs import load_pairs
from specreason.settings import Settings
from tests.support.deployment_files import parsed

SLURM = Path(__file__).parents[2] / "deploy" / "slurm"
SCRIPTS = sorted(SLURM.glob("*.sbatch"))
WORKER = SLURM / "worker.sbatch"
EXAMPLE = SLURM / "specreason.env.example"
# Of sbatch's options, those whose values are checked here.
OPTIONS = {
    "job-name": r"[\w-]+",
    "nodes": r"\d+",
    "ntasks": r"\d+",
    "gres": r"gpu:\d+",
    "cpus-per-task": r"\d+",
    "mem": r"\d+G",
    "time": r"(\d+-)?\d\d:\d\d:\d\d",
    "signal": r"B:USR1@\d+",
    "requeue": r"",
    "open-mode": r"append",
    "output": r"%x-%j\.log",
}
# A `specreason` that writes down how it is called and drains at SIGTERM. It ends with status 143 then, as the API does
# and a worker that still loads; one call of it ends at once.
PROGRAM = """#!/bin/bash
echo "$*" "$SPECREASON_DATABASE_URL" "$SPECREASON_DRAIN_S" >> calls
[[ $1 = db ]] && exit 0
[[ -e broken ]] && exit 70
trap 'echo drained >> calls; exit 143' TERM
echo serving >> calls
while :; do sleep 0.02; done
"""


def options(script: Path) -> dict[str, str]:
    lines = re.findall(r"^#SBATCH --([\w-]+)(?:=(\S+))?$", script.read_text(), re.MULTILINE)
    assert len(lines) == script.read_text().count("#SBATCH")
    return dict(lines)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_each_option_is_one_of_sbatch_and_stands_before_the_first_command(script: Path) -> None:
    for name, value in options(script).items():
        assert re.fullmatch(OPTIONS[name], value), name
    head, _, _ = script.read_text().partition("\nset -euo pipefail\n")
    assert all(line.startswith("#") for line in head.splitlines())
    assert head.count("#SBATCH") == len(options(script))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_bash_can_read_each_script(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_a_job_asks_for_what_its_pair_needs() -> None:
    """The examples at the head of the script, each with the options that it changes."""
    examples = re.findall(r"^#   (sbatch .*?)(?:  .*)?$", WORKER.read_text(), re.MULTILINE)
    assert len(examples) >= 3
    for example in examples:
        *given, _, name = shlex.split(example)[1:]
        asked = options(WORKER) | dict(option.removeprefix("--").split("=") for option in given)
        pair = load_pairs()[name]
        assert asked["gres"] == f"gpu:{pair.num_devices}"
        assert int(asked["cpus-per-task"]) >= cores_needed(pair)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_signal_comes_early_enough_to_drain(script: Path) -> None:
    """Slurm may send it a minute early, never late."""
    text = script.read_text()
    drains = [float(value) for value in re.findall(r"SPECREASON_DRAIN_S:-(\d+)", text)] or [0.0]
    assert int(options(script)["signal"].partition("@")[2]) >= max(drains) + 30


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_each_command_and_variable_exists(script: Path) -> None:
    for line in re.findall(r"^\.venv-gpu/bin/(specreason .*?)(?: &)?$", script.read_text(), re.MULTILINE):
        parsed(shlex.split(line))
    known = {f"SPECREASON_{field.upper()}" for field in Settings.model_fields}
    assert set(re.findall(r"SPECREASON_[A-Z_]+", script.read_text() + EXAMPLE.read_text())) <= known


def test_the_example_of_an_environment_holds_no_secret() -> None:
    assert re.findall(r"^\w*(?:PASSWORD|TOKEN|KEY)=(.*)$", EXAMPLE.read_text(), re.MULTILINE) == ["", ""]
    assert not re.search(r"://[^/\s@:]+:[^@\s]+@", EXAMPLE.read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder from which jobs are submitted."""
    for name, text in (
        (".venv-gpu/bin/specreason", PROGRAM),
        ("bin/scontrol", '#!/bin/sh\necho "$*" >> calls\n'),
    ):
        program = tmp_path / name
        program.parent.mkdir(parents=True)
        program.write_text(text)
        program.chmod(0o755)
    (tmp_path / "specreason.env").write_text(EXAMPLE.read_text())
    return tmp_path


@contextmanager
def running(folder: Path, script: Path, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script as Slurm does, from the folder of its submission. After the block nothing of it is left."""
    ours = ("SPECREASON_", "CUDA_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    environment |= {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "SLURM_JOB_ID": "7"}
    with subprocess.Popen(
        ["bash", str(script), *arguments],
        cwd=folder,
        env=environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as job:
        try:
            yield job
        finally:
            with suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)


def calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text().splitlines() if path.exists() else []


def output_after(folder: Path, job: subprocess.Popen[str], number: signal.Signals) -> str:
    """What the script has written, once its process served, it got the signal and ended in good order."""
    while "serving" not in calls(folder):
        assert job.poll() is None
        time.sleep(0.01)
    job.send_signal(number)
    written, _ = job.communicate(timeout=60)
    assert job.returncode == 0
    return written


@pytest.mark.parametrize(
    ("number", "afterwards"),
    [(signal.SIGUSR1, ["drained", "requeue 7"]), (signal.SIGTERM, ["drained"])],
    ids=["the time limit", "scancel"],
)
def test_a_worker_drains_at_a_signal_and_is_queued_again_at_its_time_limit_only(
    folder: Path, number: signal.Signals, afterwards: list[str]
) -> None:
    with running(folder, WORKER, "demo", CUDA_VISIBLE_DEVICES="2,3") as job:
        output_after(folder, job, number)
    call, *rest = calls(folder)
    url = re.findall(r"^SPECREASON_DATABASE_URL=(.*)$", EXAMPLE.read_text(), re.MULTILINE)[0]
    assert call == f"worker --pair demo --gpu 2,3 {url} 60"
    assert rest == ["serving", *afterwards]


def test_a_worker_that_cannot_be_kept_running_is_not_queued_again(folder: Path) -> None:
    (folder / "broken").touch()
    with running(folder, WORKER, "demo", CUDA_VISIBLE_DEVICES="0") as job:
        job.communicate(timeout=60)
    assert job.returncode == 70
    assert len(calls(folder)) == 1


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [([], {"CUDA_VISIBLE_DEVICES": "0"}, "PAIR"), (["demo"], {}, "--gres=gpu:N")],
    ids=["no pair", "no GPU"],
)
def test_what_is_missing_is_said(
    folder: Path, arguments: list[str], variables: dict[str, str], says: str
) -> None:
    with running(folder, WORKER, *arguments, **variables) as job:
        _, written = job.communicate(timeout=60)
    assert job.returncode != 0
    assert says in written
    assert not calls(folder)


def test_the_api_says_where_it_is_after_the_schema_is_upgraded(folder: Path) -> None:
    with running(folder, SLURM / "api.sbatch") as job:
        written = output_after(folder, job, signal.SIGUSR1)
    upgraded, served, *rest = calls(folder)
    assert upgraded.startswith("db upgrade ")
    assert parsed(["specreason", *served.split()[:5]])["port"] == 8765
    assert re.search(r"^export SPECREASON_API_URL=http://\S+:8765$", written, re.MULTILINE)
    assert rest == ["serving", "drained", "requeue 7"]
