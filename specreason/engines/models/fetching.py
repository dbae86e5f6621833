"""Fetching models of the Hugging Face hub, before the processes that load them start: those never ask the hub.

`python -m specreason.engines.models.fetching` fetches one model. It is a process of its own because the hub's client
ends its threads only when their files are complete: so Ctrl-C would wait for gigabytes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable

from specreason.children import kill_group, spawn_module
from specreason.engines.models.hub import (
    FILES,
    NEEDED,
    cache_folder,
    cached_folder,
    is_of_the_disk,
    models_to_fetch,
    size_in_words,
    why_not,
)
from specreason.errors import InputError, Unreachable
from specreason.pairs import ModelConfig, PairConfig
from specreason.planning.needs import GIB

LINE_EVERY_S = 10.0
# Before the second try to fetch a model, the third, and so on. What has been fetched stays.
PAUSES_S = (5.0, 20.0, 60.0)
# How the process that fetches ends if another try cannot help.
EXIT_REFUSED = 2
# Timeout, and too many requests: the hub may answer otherwise later.
PASSING_STATUSES = (408, 429)


def fetch_missing(pair: PairConfig, announce: Callable[[str], None]) -> None:
    """Fetch the pair's models of the hub that are not here. See `fetch`."""
    while missing := models_to_fetch(pair):
        fetch(missing[0], announce)


def fetch(model: ModelConfig, announce: Callable[[str], None]) -> None:
    """Fetch the model into the hub's cache; what an earlier try has fetched counts. Call it from the main thread.

    On a terminal the hub's client shows bars; elsewhere `announce` gets a line every ten seconds. After a failure that
    may pass it tries again, PAUSES_S apart. Raises Unreachable if the last try fails so, and InputError for a model
    that the hub does not give or the disk does not hold.
    """
    announce(f"Fetching {model.model}{size_in_words(model)} from the hub")
    for pause_s in (*PAUSES_S, None):
        status, reason = _try_to_fetch(model, announce)
        if status == 0:
            if cached_folder(model) is None:
                raise InputError(
                    f"{model.model} is not complete: it takes {', '.join(NEEDED)}, and weights in *.safetensors, all "
                    f"that their index names. If the hub has them, remove the model's folder in {cache_folder()} and "
                    "try again"
                )
            return
        if status == EXIT_REFUSED:
            raise InputError(f"{model.model} cannot be fetched: {reason}")
        if pause_s is not None:
            announce(f"{model.model} cannot be fetched now: {reason}; the next try is in {pause_s:.0f} s")
            time.sleep(pause_s)
    raise Unreachable(
        f"{model.model} cannot be fetched: {reason}; what is here stays, and the next try goes on from there"
    )


def _try_to_fetch(model: ModelConfig, announce: Callable[[str], None]) -> tuple[int, str]:
    """Return the exit status of a process that fetches the model, and why it failed."""
    reader, writer = os.pipe()
    arguments = [model.model, *(["--revision", model.revision] if model.revision else [])]
    child = spawn_module(
        "specreason.engines.models.fetching", *arguments, "--reason-fd", str(writer), pass_fds=[writer]
    )
    os.close(writer)
    try:
        while (status := _status(child)) is None:
            if not sys.stderr.isatty():
                announce(f"Fetching {model.model}: {_fetched_bytes(model) / GIB:.1f} GiB are here")
    finally:
        kill_group(child)
        with os.fdopen(reader) as pipe:
            reason = pipe.read().strip()
    return status, reason or f"its process ended with status {status}"


def _status(child: subprocess.Popen[bytes]) -> int | None:
    try:
        return child.wait(LINE_EVERY_S)
    except subprocess.TimeoutExpired:
        return None


def _fetched_bytes(model: ModelConfig) -> int:
    """Return what the cache holds of the model, files that are not complete yet included."""
    blobs = cache_folder() / f"models--{model.model.replace('/', '--')}" / "blobs"
    try:
        return sum(512 * entry.stat().st_blocks for entry in os.scandir(blobs))
    # There is no such folder yet, or a file has just been completed and renamed.
    except OSError:
        return 0


def _is_refusal(error: Exception) -> bool:
    """Whether another try would fail again: an answer about this model or account, an id that is none, a full disk."""
    from huggingface_hub import constants, errors

    if isinstance(error, errors.HfHubHTTPError):
        status = getattr(error.response, "status_code", None)
        return status is not None and 400 <= status < 500 and status not in PASSING_STATUSES
    return (
        is_of_the_disk(error) or isinstance(error, errors.HFValidationError) or bool(constants.HF_HUB_OFFLINE)
    )


def main() -> int:
    """Fetch one model. If that fails, write the reason to the pipe; return 1, or EXIT_REFUSED for a refusal."""
    from huggingface_hub import snapshot_download

    parser = argparse.ArgumentParser(prog="specreason.engines.models.fetching")
    parser.add_argument("model")
    parser.add_argument("--revision")
    parser.add_argument("--reason-fd", type=int, required=True)
    arguments = parser.parse_args()
    try:
        snapshot_download(arguments.model, revision=arguments.revision, allow_patterns=list(FILES))
    # The parent process tells the user, whatever it was.
    except Exception as error:
        os.write(arguments.reason_fd, why_not(error).encode())
        return EXIT_REFUSED if _is_refusal(error) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
