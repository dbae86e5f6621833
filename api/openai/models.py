"""/v1/models: a model is a pair of this deployment."""

from __future__ import annotations

from fastapi import APIRouter

from api.answers.tags import Tag
from api.deployment import Pairs
from api.door.access import READ
from api.openai.schemas import ModelList, ModelObject
from specreason.errors import InvalidField, NotFound
from specreason.pairs import get_pair

router = APIRouter(prefix="/v1", tags=[Tag.OPENAI_MODELS])


@router.get("/models", summary="List models", dependencies=[READ])
def get_models(pairs: Pairs) -> ModelList:
    """Every pair."""
    return ModelList(data=[ModelObject(id=name) for name in pairs])


@router.get("/models/{model}", summary="Get a model", dependencies=[READ])
def get_model(pairs: Pairs, model: str) -> ModelObject:
    """One pair."""
    try:
        get_pair(pairs, model)
    except InvalidField as error:
        raise NotFound(str(error)) from error
    return ModelObject(id=model)
