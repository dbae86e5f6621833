"""What the supervisor gives its child, and how long it waits for it."""

from __future__ import annotations

import pytest

from specreason.engines.machine.platform import Device
from specreason.settings import Settings
from worker.child_process import Patience, environment_of_child


def test_a_child_on_gpus_may_be_silent_for_longer() -> None:
    cpu, gpu = (Patience.of(Settings(), device) for device in (Device.CPU, Device.GPU))
    assert (cpu.stall_s, gpu.stall_s) == (30, 120)
    assert gpu.start_s > cpu.start_s > gpu.stall_s


@pytest.mark.parametrize("device", Device)
def test_what_the_settings_say_holds_on_every_device(device: Device) -> None:
    assert Patience.of(Settings(stall_s=7, start_s=70), device) == Patience(stall_s=7, start_s=70)


def test_gpus_are_numbered_as_nvidia_smi_numbers_them() -> None:
    environment = environment_of_child("2,3")
    assert (environment["CUDA_VISIBLE_DEVICES"], environment["CUDA_DEVICE_ORDER"]) == ("2,3", "PCI_BUS_ID")
    assert not [name for name in environment_of_child(None) if name.startswith("CUDA")]


def test_a_child_asks_no_hub_for_what_has_been_fetched() -> None:
    assert environment_of_child(None)["HF_HUB_OFFLINE"] == "1"
