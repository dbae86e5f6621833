"""What the rows of batches say together: one method for each analysis that the API offers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from specreason.client.cost_values import BatchCost, Estimate
from specreason.client.decoding import decode
from specreason.client.transport import Transport, body_of


class Analysis:
    """Reached as `Client.analysis`. Every method raises as those of `Client` do."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def cost(self, batch_id: UUID, *, against: UUID | None = None, price: float | None = None) -> BatchCost:
        """What the batch cost, beside `against` or else the base alone; `price` is that of one GPU-hour.

        Without one the API uses its own, if it has one.
        """
        asked = {"against": against and str(against), "price": price}
        return decode(BatchCost, self._get(f"/api/batches/{batch_id}/cost", asked))

    def estimate(
        self,
        *,
        num_problems: int,
        pair: str = "demo",
        config: Mapping[str, Any] | None = None,
        price: float | None = None,
    ) -> Estimate:
        """What so many problems would take under `config`, from the newest jobs like them. Nothing is stored."""
        asked = {"num_problems": num_problems, "pair": pair, "price": price}
        asked["config"] = json.dumps(dict(config or {}))
        return decode(Estimate, self._get("/api/estimate", asked))

    def _get(self, path: str, asked: Mapping[str, Any]) -> Any:
        params = {name: value for name, value in asked.items() if value is not None}
        return body_of(self._transport.request("GET", path, safe=True, params=params))
