"""What `--gpu` may name."""

from __future__ import annotations

import pytest

from specreason.errors import InvalidField
from specreason.pairs import ModelConfig, PairConfig
from tests.support.messages import names
from worker.gpus import check_gpus


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
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", pair_of(1)),
        ("MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0", pair_of(1)),
        ("MIG-41b36014-8ba9-5c34-bb73-bdba6d04c5a5", pair_of(1)),
        ("GPU-8932f937,GPU-1a2b3c4d", pair_of(2)),
    ],
)
def test_indices_and_uuids_of_as_many_gpus_as_the_pair_uses_are_taken(gpu: str, pair: PairConfig) -> None:
    check_gpus(gpu, "mine", pair)


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
        check_gpus(gpu, "mine", pair_of(2))
    assert refused.value.field == "--gpu"
    assert fact in refused.value.reason


@pytest.mark.parametrize(("gpu", "given"), [("0", 1), ("0,1,2", 3)])
def test_too_few_and_too_many_are_refused_with_both_numbers(gpu: str, given: int) -> None:
    with pytest.raises(InvalidField) as refused:
        check_gpus(gpu, "mine", pair_of(2))
    assert names(refused.value.reason, given, 2, "mine")


def test_the_same_gpu_twice_is_refused() -> None:
    with pytest.raises(InvalidField, match="twice"):
        check_gpus("1,1", "mine", pair_of(2))
