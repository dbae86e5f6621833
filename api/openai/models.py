"""/v1/models: a model is a pair of this deployment."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.door.access import READ
from api.openai.schemas import ModelList, ModelObject
from specreason.config import PairConfig, get_pair
from specreason.errors import InvalidField, NotFound

router = APIRouter(prefix="/v1", tags=["openai"])


@router.get("/models", dependencies=[READ])
def get_models(request: Request) -> ModelList:
    """Every pair."""
    return ModelList(data=[ModelObject(id=name) for name in _pairs_of(request)])


@router.get("/models/{model}", dependencies=[READ])
def get_model(request: Request, model: str) -> ModelObject:
    """One pair."""
    try:
        get_pair(_pairs_of(request), model)
    except InvalidField as error:
        raise NotFound(str(error)) from error
    return ModelObject(id=model)


def _pairs_of(request: Request) -> dict[str, PairConfig]:
    pairs: dict[str, PairConfig] = request.app.state.pairs
    return pairs
