"""The order in which the two engines of a pair start, with vLLM's own modules replaced."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from specreason.engines import start
from specreason.engines.base import Role
from specreason.engines.machine.placement import Placement
from specreason.engines.machine.platform import Device
from specreason.engines.start import start_engines
from specreason.errors import EngineDead, InputError
from specreason.pairs import load_pairs
from tests.support.messages import naming

PAIR = load_pairs()["demo"]


class Engines:
    """What happened to the engines, in order. `loading` runs in the thread of each while it loads."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.loading: Callable[[Role], None] = lambda role: None

    def fake(self) -> type:
        engines = self

        class FakeEngine:
            """Stands in for VllmEngine; its configuration is its role."""

            def __init__(self, role: Role, tokenizer: object) -> None:
                self.role = role
                engines.events.append(f"{role} loads")
                engines.loading(role)
                engines.events.append(f"{role} serves")

            async def close(self) -> None:
                engines.events.append(f"{self.role} closes")

        return FakeEngine


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Engines:
    engines = Engines()
    stand_ins: dict[str, dict[str, Any]] = {
        "setup": {"engine_config": lambda role, pair, **_: role},
        "engine": {"VllmEngine": engines.fake()},
    }
    for name, attributes in stand_ins.items():
        stand_in = ModuleType(name)
        vars(stand_in).update(attributes)
        monkeypatch.setitem(sys.modules, f"specreason.engines.vllm.{name}", stand_in)
    monkeypatch.setattr(start, "_saved", lambda role, tokenizer: Path("tokenizer"))
    return engines


def started(device: Device) -> dict[Role, Any]:
    return asyncio.run(
        start_engines(
            "mine",
            PAIR,
            device,
            dict.fromkeys(Role),  # type: ignore[arg-type]
            placement=Placement(shares={}, slots=1),
            announce=lambda line: None,
            padded=None,
        )
    )


def fail_as(role: Role) -> Callable[[Role], None]:
    def loading(loaded: Role) -> None:
        if loaded is role:
            raise RuntimeError("out of memory")

    return loading


def test_on_a_gpu_the_drafter_serves_before_the_base_loads(engines: Engines) -> None:
    assert set(started(Device.GPU)) == set(Role)
    assert engines.events == ["drafter loads", "drafter serves", "base loads", "base serves"]


def test_on_the_cpu_both_load_at_once(engines: Engines) -> None:
    both = threading.Barrier(2, timeout=30)
    engines.loading = lambda role: both.wait() and None
    assert {role: engine.role for role, engine in started(Device.CPU).items()} == {
        role: role for role in Role
    }


def test_on_a_gpu_the_base_is_not_loaded_after_a_drafter_that_does_not_start(engines: Engines) -> None:
    engines.loading = fail_as(Role.DRAFTER)
    with pytest.raises(EngineDead, match=naming("mine", "drafter", "out of memory")):
        started(Device.GPU)
    assert engines.events == ["drafter loads"]


@pytest.mark.parametrize("device", Device)
def test_a_base_that_does_not_start_takes_the_drafter_with_it(engines: Engines, device: Device) -> None:
    engines.loading = fail_as(Role.BASE)
    with pytest.raises(EngineDead, match=naming("mine", "base", "out of memory")):
        started(device)
    assert engines.events[-1] == "drafter closes"


def test_a_configuration_that_vllm_refuses_is_wrong_input_and_nothing_loads(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("no such quantization")

    monkeypatch.setattr(sys.modules["specreason.engines.vllm.setup"], "engine_config", refuse)
    with pytest.raises(InputError, match="no such quantization"):
        started(Device.GPU)
    assert engines.events == []
