"""A process that loads the tiny pair and obeys one word per line on its input; see test_engine_processes."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
from pathlib import Path
from typing import Any

from specreason.engines.base import Engine, Limits, Sampling
from specreason.engines.pair import close_pair, load_pair
from specreason.errors import EngineDead
from specreason.submission.chat import user_turn
from tests.support.workers.tiny import tiny_pair


def say(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


async def outcome(engine: Engine, max_tokens: int) -> str:
    prompt = engine.tokenizer.render_prompt(user_turn("What is 2 + 2?"))
    limits = Limits(max_tokens=max_tokens, stop_at_think_end=False)
    try:
        return (await engine.generate(prompt, limits=limits, sampling=Sampling(), seed=1)).finish_reason
    except EngineDead:
        return "engine dead"


async def main(folder: str) -> None:
    pair = await load_pair("tiny", tiny_pair(Path(folder)))
    engines = {"drafter": pair.drafter, "base": pair.base}
    say(engine_pids=[process.pid for process in multiprocessing.active_children()])
    while order := (await asyncio.to_thread(sys.stdin.readline)).split():
        match order:
            case ["generate"]:
                say(outcomes=[await outcome(engine, 5) for engine in engines.values()])
            case ["generate-and-close"]:
                calls = [asyncio.create_task(outcome(engine, 1500)) for engine in engines.values()]
                await asyncio.sleep(0.1)
                await close_pair(pair)
                say(in_flight=await asyncio.gather(*calls))
            case ["generate-long"]:
                calls = [asyncio.create_task(outcome(engine, 1500)) for engine in engines.values()]
                await asyncio.sleep(0.1)
                say(started=True)
                in_flight = await asyncio.gather(*calls)
                while "engine dead" not in in_flight:  # random models may end before anybody kills them
                    in_flight = await asyncio.gather(*(outcome(each, 1500) for each in engines.values()))
                say(in_flight=in_flight)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
