"""What `--gpu` may name."""

from __future__ import annotations

import pytest

from specreason.engines.machine.gpus import parse_gpus
from specreason.errors import InvalidField
from specreason.pairs import ModelConfig, PairConfig
from tests.support.gpus import gpu_line, uuid_of
from tests.support.messages import names, naming
from worker.gpus import check_gpus

LISTED = parse_gpus("".join(map(gpu_line, range(4))))


def pair_of(base: int, drafter: int = 1) -> PairConfig:
    """A pair whose engines use so many GPUs."""
    return PairConfig(
        base=ModelConfig(model="nobody/base", max_model_len=512, tensor_parallel_size=base),
        drafter=ModelConfig(model="nobody/drafter", max_model_len=512, tensor_parallel_size=drafter),
    )


@pytest.mark.parametrize(
    ("gpu", "pair"),
    [
        ("0", pair_of(1)),
        ("2,3", pair_of(2)),
        ("1,0", pair_of(2, 2)),
        (uuid_of(1), pair_of(1)),
        (f"0,{uuid_of(3)}", pair_of(2)),
    ],
)
def test_indices_and_uuids_of_as_many_gpus_as_the_pair_uses_are_taken(gpu: str, pair: PairConfig) -> None:
    check_gpus(gpu, "mine", pair, LISTED)
    check_gpus(gpu, "mine", pair, None)


@pytest.mark.parametrize(
    ("gpu", "fact"),
    [
        ("", "''"),
        ("0, 1", "' 1'"),
        ("0,", "''"),
        ("cuda:0", "'cuda:0'"),
        ("-1", "'-1'"),
        ("all", "'all'"),
        ("8932f937-d72c", "'8932f937-d72c'"),
    ],
)
def test_what_is_no_device_is_quoted(gpu: str, fact: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check_gpus(gpu, "mine", pair_of(2), None)
    assert refused.value.field == "--gpu"
    assert fact in refused.value.reason


@pytest.mark.parametrize(("gpu", "given"), [("0", 1), ("0,1,2", 3)])
def test_too_few_and_too_many_are_refused_with_both_numbers(gpu: str, given: int) -> None:
    with pytest.raises(InvalidField) as refused:
        check_gpus(gpu, "mine", pair_of(2), None)
    assert names(refused.value.reason, given, 2, "mine")


def test_the_same_gpu_twice_is_refused() -> None:
    with pytest.raises(InvalidField, match="twice"):
        check_gpus("1,1", "mine", pair_of(2), None)


@pytest.mark.parametrize("gpu", ["4", "GPU-8932f937"])
def test_a_gpu_that_is_not_here_is_refused_by_its_name(gpu: str) -> None:
    with pytest.raises(InvalidField, match=naming("--gpu", f"'{gpu}'", "nvidia-smi")):
        check_gpus(gpu, "mine", pair_of(1), LISTED)


@pytest.mark.parametrize("part", ["MIG-41b36014-8ba9-5c34-bb73-bdba6d04c5a5", f"MIG-{uuid_of(0)}/1/0"])
def test_a_part_of_a_gpu_is_refused_with_the_reason(part: str) -> None:
    with pytest.raises(InvalidField, match=naming("--gpu", "MIG", "memory")):
        check_gpus(part, "mine", pair_of(1), None)
