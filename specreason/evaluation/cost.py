"""What jobs cost: seconds of device time, and their price.

A second of device time is one in which the pair worked, for one job alone; on several GPUs it is as many GPU-seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from specreason.planning.timing import SECONDS_PER_HOUR


class Metered(Protocol):
    """The device time in a row of `batch_summary` or `job_summary`, seconds. NULL in the row: not measured."""

    @property
    def device_s(self) -> float | None: ...
    @property
    def drafter_device_s(self) -> float | None: ...
    @property
    def base_device_s(self) -> float | None: ...
    @property
    def prefill_s(self) -> float | None: ...
    @property
    def num_devices(self) -> float | None: ...


class MeteredBatch(Metered, Protocol):
    """A row of `batch_summary`: with its device time, how many jobs were measured, have succeeded and were graded."""

    @property
    def num_metered(self) -> int: ...
    @property
    def num_succeeded(self) -> int: ...
    @property
    def num_graded(self) -> int: ...
    @property
    def num_regrading(self) -> int: ...
    @property
    def num_correct(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one or more jobs cost: seconds of device time on `num_devices` GPUs (1 on a CPU).

    `per_right_answer` is all of it over the right answers: the wrong ones are paid for, too. `price` is that of all of
    it, in the currency of the price that was given for a GPU-hour; None if none was.
    """

    device_s: float
    per_job: float | None
    per_right_answer: float | None
    drafter_s: float
    base_s: float
    prefill_s: float
    decode_s: float
    num_devices: float
    price: float | None

    @property
    def gpu_s(self) -> float:
        return self.device_s * self.num_devices

    def price_of(self, device_s: float | None) -> float | None:
        """The price of a part of it, such as `per_job`."""
        if self.price is None or device_s is None or not self.device_s:
            return None
        return self.price * device_s / self.device_s


def cost_of(
    spent: Metered, *, num_jobs: int, num_right: int | None, gpu_hour_price: float | None
) -> Cost | None:
    """The cost of `num_jobs` jobs with `num_right` right answers, None while that is not known.

    None if the device time is not known, or if there is none.
    """
    device_s, drafter_s, base_s = spent.device_s, spent.drafter_device_s, spent.base_device_s
    if not device_s or drafter_s is None or base_s is None or spent.prefill_s is None:
        return None
    num_devices = spent.num_devices or 1
    return Cost(
        device_s=device_s,
        per_job=device_s / num_jobs if num_jobs else None,
        per_right_answer=device_s / num_right if num_right else None,
        drafter_s=drafter_s,
        base_s=base_s,
        prefill_s=spent.prefill_s,
        decode_s=device_s - spent.prefill_s,
        num_devices=num_devices,
        price=price_of(device_s * num_devices, gpu_hour_price),
    )


def cost_of_batch(batch: MeteredBatch, gpu_hour_price: float | None) -> Cost | None:
    """The cost of the ended jobs of a batch; None as for `cost_of`.

    A right answer has a cost once every job that has succeeded has its last grade. While one is to come, not all right
    answers are known; and a job without a gold answer costs, but can never be right.
    """
    all_graded = batch.num_graded - batch.num_regrading == batch.num_succeeded
    return cost_of(
        batch,
        num_jobs=batch.num_metered,
        num_right=batch.num_correct if all_graded else None,
        gpu_hour_price=gpu_hour_price,
    )


def price_of(gpu_s: float, gpu_hour_price: float | None) -> float | None:
    """The price of so many GPU-seconds; None without a price per GPU-hour."""
    return None if gpu_hour_price is None else gpu_s / SECONDS_PER_HOUR * gpu_hour_price


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRatio:
    """The GPU-seconds per job of one batch over those of another, in the jobs that have succeeded in both.

    `low` and `high` bound it at 95 %, clustered by problem; None with fewer than two problems, and without scipy.
    """

    num_problems: int
    ratio: float
    low: float | None
    high: float | None
