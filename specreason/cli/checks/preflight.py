"""What `specreason up` looks at before it starts anything: is the folder free, and can this machine run the pair?"""

from __future__ import annotations

from pathlib import Path

from specreason.cli.checks.finding import Finding
from specreason.cli.checks.gpus import check_gpus
from specreason.cli.checks.machine import check_python, check_vllm
from specreason.cli.checks.memory import check_memory
from specreason.cli.checks.models import check_models, check_pair
from specreason.cli.checks.processes import check_processes
from specreason.cli.checks.speculation import check_speculation
from specreason.cli.running import refuse_a_second
from specreason.errors import InputError
from specreason.pairs import PairConfig, get_pair, load_pairs
from specreason.settings import load_settings


def check_before_start(pair_name: str, data_dir: Path | None) -> None:
    """Raise InputError with one line for each finding that keeps the pair from running on this machine.

    Raises EmbeddedServerError if another `up` uses the data directory. Changes nothing.
    """
    pair = get_pair(load_pairs(load_settings().pairs_file), pair_name)
    if data_dir is not None:
        refuse_a_second(data_dir)
    refuse_what_cannot_run(pair_name, pair)


def refuse_what_cannot_run(name: str, pair: PairConfig) -> None:
    """Raise InputError for a pair that this machine cannot run; the hub is asked only for what it could hold."""
    of_machine = [check_python(), check_vllm(), *check_gpus(pair), *check_processes(pair)]
    failed = _failed(check_pair(name, pair), *of_machine, check_memory(pair))
    if failed := failed or _failed(check_models(pair)) or _failed(check_speculation(pair)):
        lines = [f"{each.name}: {each.found}; {each.remedy}" for each in failed]
        raise InputError("\n  ".join([f"the pair '{name}' cannot run on this machine", *lines]))


def _failed(*findings: Finding) -> list[Finding]:
    return [each for each in findings if each.status == "fail"]
