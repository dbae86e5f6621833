"""One event loop in a background thread, as in a worker, and real pairs on it for the tests of this package."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from specreason.engines.base import ModelPair
from specreason.engines.pair import close_pair, load_pair
from specreason.pairs import PairConfig, SpeculationConfig
from tests.support.planning import with_models
from tests.support.workers.tiny import tiny_pair

OnLoop = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="package")
def on_loop() -> Iterator[OnLoop]:
    """`on_loop(coroutine)` runs it on that loop and returns its result."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="engine-loop", daemon=True)
    thread.start()
    yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(timeout=600)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=10)
    loop.close()


@pytest.fixture(scope="package")
def vllm_pair(on_loop: OnLoop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelPair]:
    """The tiny random pair in two real engines. Loading takes some 20 seconds, so it is paid once."""
    yield from serve(on_loop, tiny_pair(tmp_path_factory.mktemp("tiny-pair")))


@pytest.fixture(scope="package")
def speculating_pair(on_loop: OnLoop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelPair]:
    """A pair whose base is the other one's drafter, and drafts tokens with the other model.

    Its KV caches are planned.
    """
    auto = {"kv_cache_memory_bytes": "auto"}
    config = with_models(tiny_pair(tmp_path_factory.mktemp("speculating-pair")), base=auto, drafter=auto)
    yield from serve(
        on_loop,
        config.model_copy(
            update={
                "base": config.drafter,
                "drafter": config.base,
                "speculation": SpeculationConfig(num_tokens=3),
            }
        ),
    )


def serve(on_loop: OnLoop, config: PairConfig) -> Iterator[ModelPair]:
    with warnings.catch_warnings():  # vLLM's imports warn of their own dependencies
        warnings.simplefilter("ignore")
        pair = on_loop(load_pair("tiny", config))
    yield pair
    on_loop(close_pair(pair))
