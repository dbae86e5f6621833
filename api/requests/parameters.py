"""Query parameters: an unknown one is refused, because a misspelt filter would filter nothing and say nothing."""

from __future__ import annotations

from fastapi import Request
from fastapi.dependencies.utils import get_flat_dependant
from fastapi.routing import APIRoute

from specreason.errors import InvalidField
from specreason.words import LONGEST_SHOWN, unknown_parameter


async def check_parameters(request: Request) -> None:
    """Raise InvalidField for a query parameter that the route does not have."""
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute) or not route.include_in_schema:
        return
    known = sorted(field.alias for field in get_flat_dependant(route.dependant).query_params)
    for name in request.query_params:
        if name not in known:
            raise InvalidField(name[:LONGEST_SHOWN], unknown_parameter(name, known))
