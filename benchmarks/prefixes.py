"""Empty prefix caches: every measured job computes its own prompt, as the first one in production does."""

from __future__ import annotations

from specreason.engines.base import ModelPair, Role
from specreason.engines.vllm.engine import VllmEngine
from specreason.engines.vllm.warm_up import forget


async def forget_prefixes(pair: ModelPair) -> None:
    """Empty the caches of both of the pair's vLLM engines."""
    for role in Role:
        engine = pair.engine(role)
        assert isinstance(engine, VllmEngine)
        await forget(role, engine)
