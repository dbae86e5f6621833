"""The GPUs that nvidia-smi shows, and those of them that a process may use."""

from __future__ import annotations

import pytest

from specreason.engines.machine import gpus
from specreason.engines.machine.gpus import (
    Gpu,
    cards_among,
    machine_cards,
    named_gpus,
    parse_gpus,
    visible_gpus,
)
from specreason.errors import InputError, InvalidField
from specreason.planning.cards import known_cards
from tests.support.gpus import A6000S, GB10, NO_CARD, SILENT, gpu_line, uuid_of
from tests.support.messages import names, naming


@pytest.fixture
def shows(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Two A6000s, of which CUDA_VISIBLE_DEVICES chooses none yet."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpus, "all_gpus", lambda: parse_gpus(A6000S))
    return monkeypatch


def test_each_field_of_a_card_is_read() -> None:
    assert parse_gpus(A6000S)[1] == Gpu(
        index=1,
        uuid=uuid_of(1),
        name="NVIDIA RTX A6000",
        driver="580.95.05",
        capability=(8, 6),
        is_divided=False,
        used_mib=21344,
        total_mib=49140,
    )


def test_what_the_driver_does_not_say_is_not_made_up() -> None:
    (shared,), (silent,) = parse_gpus(GB10), parse_gpus(SILENT)
    assert (shared.used_mib, shared.total_mib) == (None, None)
    assert (silent.driver, silent.capability) == (None, None)
    assert parse_gpus(NO_CARD) == parse_gpus("") == ()


def test_without_a_choice_every_card_is_visible(shows: pytest.MonkeyPatch) -> None:
    assert visible_gpus() == parse_gpus(A6000S)


@pytest.mark.parametrize(
    ("visible", "indices"), [("1", [1]), ("1,0", [1, 0]), (" 0 , 1 ", [0, 1]), (uuid_of(1), [1]), ("", [])]
)
def test_only_the_cards_of_cuda_visible_devices_are_visible_in_its_order(
    shows: pytest.MonkeyPatch, visible: str, indices: list[int]
) -> None:
    shows.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu.index for gpu in visible_gpus() or ()] == indices


@pytest.mark.parametrize("name", ["7", "-1", "GPU-8932f937", "GPU-00000000-0000-0000-0000-000000000000"])
def test_a_device_that_nvidia_smi_does_not_list_is_named_with_those_that_it_lists(name: str) -> None:
    """A beginning of a UUID is none: vLLM asks the driver for a whole one."""
    with pytest.raises(InvalidField, match=naming("--gpu", f"'{name}'", "0", uuid_of(1))):
        named_gpus(f"0,{name}", parse_gpus(A6000S), field="--gpu")


def test_a_card_that_is_named_by_its_index_and_by_its_uuid_is_named_twice() -> None:
    with pytest.raises(InvalidField, match="twice"):
        named_gpus(f"0,{uuid_of(0)}", parse_gpus(A6000S), field="--gpu")


@pytest.mark.parametrize("part", ["MIG-41b36014-8ba9-5c34-bb73-bdba6d04c5a5", f"MIG-{uuid_of(0)}/1/0"])
def test_a_part_of_a_card_is_refused_with_the_reason(shows: pytest.MonkeyPatch, part: str) -> None:
    shows.setenv("CUDA_VISIBLE_DEVICES", part)
    with pytest.raises(InvalidField, match=naming("CUDA_VISIBLE_DEVICES", "MIG", "memory")):
        visible_gpus()


@pytest.mark.parametrize(("visible", "is_refused"), [(None, True), ("0", True), ("1", False)])
def test_a_card_that_is_divided_into_parts_counts_as_one_of_them(
    shows: pytest.MonkeyPatch, visible: str | None, is_refused: bool
) -> None:
    divided = gpu_line(0, "NVIDIA H100 80GB HBM3", mig="Enabled", total=81559) + gpu_line(1)
    shows.setattr(gpus, "all_gpus", lambda: parse_gpus(divided))
    if visible is not None:
        shows.setenv("CUDA_VISIBLE_DEVICES", visible)
    if is_refused:
        with pytest.raises(InputError, match=naming("GPU 0", "MIG")):
            visible_gpus()
    else:
        assert visible_gpus() == parse_gpus(divided)[1:]


@pytest.mark.parametrize(
    ("visible", "needed", "count", "used_mib"),
    [("0", None, 1, 14), ("1,0", 1, 2, 21344), (uuid_of(1), None, 1, 21344), (None, 1, 2, 14)],
)
def test_only_the_cards_that_the_process_sees_and_the_engines_use_decide(
    shows: pytest.MonkeyPatch, visible: str | None, needed: int | None, count: int, used_mib: int
) -> None:
    if visible is not None:
        shows.setenv("CUDA_VISIBLE_DEVICES", visible)
    cards = machine_cards(needed=needed)
    assert cards is not None
    assert (cards.card, cards.count, cards.used_gib) == (known_cards()["a6000"], count, used_mib / 1024)


def test_without_the_drivers_tool_the_cards_are_not_known(shows: pytest.MonkeyPatch) -> None:
    shows.setattr(gpus, "all_gpus", lambda: None)
    shows.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert machine_cards() is None


def test_a_process_that_sees_no_card_is_told_so(shows: pytest.MonkeyPatch) -> None:
    shows.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(InputError) as refused:
        machine_cards()
    assert names(str(refused.value), "nvidia-smi", "no GPU")


def test_a_card_without_a_memory_leaves_the_cards_unknown_if_an_engine_uses_it() -> None:
    found = parse_gpus(A6000S + GB10)
    assert cards_among(found) is None
    assert cards_among(found, needed=2) is not None
    assert cards_among(()) is None
