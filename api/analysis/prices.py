"""The price of one GPU-hour: the one that a request names, or else the deployment's."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request

from api.deployment import deployment_of


async def _price(
    request: Request,
    price: Annotated[
        float | None,
        Query(ge=0, allow_inf_nan=False, description="Of one GPU-hour. Default: SPECREASON_GPU_HOUR_PRICE."),
    ] = None,
) -> float | None:
    return price if price is not None else deployment_of(request).settings.gpu_hour_price


GpuHourPrice = Annotated[float | None, Depends(_price)]
