"""`specreason up` looks before it starts: what this machine cannot run is refused before anything is made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from specreason.cli.checks import memory, models, preflight
from specreason.cli.checks.finding import fail, ok, warn
from specreason.cli.checks.preflight import refuse_what_cannot_run
from specreason.engines.machine.gpus import parse_gpus
from specreason.engines.machine.platform import Device
from specreason.errors import InputError
from specreason.pairs import load_pairs
from specreason.planning.needs import GIB
from tests.support.gpus import gpu_line
from tests.support.messages import names, naming
from tests.support.planning import with_kv

BARE = {name: value for name, value in os.environ.items() if not name.startswith("SPECREASON_")}
SMALL = """
[small]
base = { model = "nobody/base", weights_gib = 0.01, max_model_len = 512, kv_cache_memory_bytes = 1048576 }
drafter = { model = "nobody/drafter", weights_gib = 0.01, max_model_len = 512, kv_cache_memory_bytes = 1048576 }
"""


def up(data_dir: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "specreason.cli.main", "up", "--port", "0"]
    return subprocess.run(
        [*command, "--data-dir", str(data_dir), *arguments],
        env=BARE | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("arguments", [(), ("--detach",)])
def test_a_pair_that_this_machine_cannot_hold_is_refused_by_its_size(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ended = up(tmp_path / "data", "--pair", "r1-70b_r1-1_5b", *arguments)
    assert (ended.returncode, names(ended.stderr, "r1-70b_r1-1_5b", "memory", "GiB")) == (2, True)
    assert not (tmp_path / "data").exists()


def test_a_model_that_cannot_be_fetched_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "pairs.toml").write_text(SMALL)
    own = {"SPECREASON_PAIRS_FILE": str(tmp_path / "pairs.toml"), "HF_HOME": str(tmp_path / "hub")}
    offline = up(tmp_path / "data", "--pair", "small", HF_HUB_OFFLINE="1", **own)
    silent = up(tmp_path / "data", "--pair", "small", HF_ENDPOINT="http://127.0.0.1:1", **own)
    assert (offline.returncode, names(offline.stderr, "nobody/base", "HF_HUB_OFFLINE")) == (2, True)
    assert (silent.returncode, names(silent.stderr, "nobody/base", "HF_ENDPOINT")) == (2, True)
    assert "Traceback" not in offline.stderr + silent.stderr
    assert not (tmp_path / "data").exists()


def test_every_failure_has_its_own_line_with_its_remedy_and_warnings_stop_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = load_pairs()["demo"]
    monkeypatch.setattr(preflight, "check_vllm", lambda: warn("vllm", "slow", "wait"))
    monkeypatch.setattr(preflight, "check_memory", lambda pair: ok("memory", "enough"))
    refuse_what_cannot_run("demo", pair)
    monkeypatch.setattr(preflight, "check_gpus", lambda pair: [fail("gpus", "none", "buy one")])
    monkeypatch.setattr(preflight, "check_memory", lambda pair: fail("memory", "too little", "buy some"))
    with pytest.raises(InputError, match=naming("demo", "gpus: none; buy one")) as caught:
        refuse_what_cannot_run("demo", pair)
    assert [line.strip() for line in str(caught.value).splitlines()][1:] == [
        "gpus: none; buy one",
        "memory: too little; buy some",
    ]


def test_an_argument_that_vllm_does_not_have_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = load_pairs()["demo"]
    drafter = pair.drafter.model_copy(update={"engine_args": {"quantisation": "fp8"}})
    monkeypatch.setattr(preflight, "check_memory", lambda pair: ok("memory", "enough"))
    with pytest.raises(InputError, match=naming("demo.drafter.engine_args.quantisation", "quantization")):
        refuse_what_cannot_run("demo", pair.model_copy(update={"drafter": drafter}))


def test_an_argument_that_a_worker_on_this_device_would_refuse_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = load_pairs()["demo"]
    base = pair.base.model_copy(update={"engine_args": {"max_num_batched_tokens": 4096}})
    monkeypatch.setattr(models, "device_here", lambda: Device.CPU)
    monkeypatch.setattr(preflight, "check_memory", lambda pair: ok("memory", "enough"))
    with pytest.raises(InputError, match=naming("demo.base.engine_args.max_num_batched_tokens", "CPU")):
        refuse_what_cannot_run("demo", pair.model_copy(update={"base": base}))


def test_on_gpus_the_cards_decide_and_without_the_drivers_tool_the_caches_that_the_pair_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = load_pairs()["qwq-32b_r1-1_5b"]
    monkeypatch.setattr(memory, "runs_on_gpus", lambda: True)
    a40s = parse_gpus("".join(gpu_line(index, "NVIDIA A40", total=46068) for index in (0, 1)))
    monkeypatch.setattr(memory, "seen_gpus", lambda: a40s)
    assert memory.check_memory(pair).status == "ok"
    monkeypatch.setattr(memory, "seen_gpus", lambda: parse_gpus(gpu_line(name="Tesla T4", total=15360)))
    assert memory.check_memory(pair).status == "fail"
    monkeypatch.setattr(memory, "seen_gpus", lambda: None)
    assert memory.check_memory(pair).status == "fail"
    assert memory.check_memory(with_kv(pair, base=6 * GIB, drafter=GIB)).status == "warn"
