"""The check of token-level speculation: can the base take the drafter's tokens, and does it need a padded copy?"""

from __future__ import annotations

from specreason.cli.checks.finding import Finding, fail, ok, warn
from specreason.cli.checks.folders import free_bytes
from specreason.engines.models.hub import models_to_fetch
from specreason.engines.padded.drafter import PaddedDrafter, plan_padded_drafter
from specreason.engines.padded.write import ELSEWHERE
from specreason.errors import InputError
from specreason.pairs import PairConfig
from specreason.planning.needs import GIB

NAME = "speculation"


def check_speculation(pair: PairConfig) -> Finding:
    """Say which draft model the base will have. Writes nothing."""
    if pair.speculation is None:
        return ok(NAME, "the base drafts no tokens itself")
    if missing := models_to_fetch(pair):
        return warn(
            NAME,
            f"whether the base needs a padded copy of the drafter is not known without {missing[0].model}",
            "ask again once it is fetched",
        )
    try:
        copy = plan_padded_drafter(pair)
    except InputError as error:
        return fail(NAME, str(error), "correct pairs.toml, or name another pair with --pair")
    return ok(NAME, "the base drafts tokens with the drafter as it is") if copy is None else judge_copy(copy)


def judge_copy(copy: PaddedDrafter) -> Finding:
    """Say whether the copy is there, and otherwise what it takes and whether there is room."""
    if copy.is_written:
        return ok(NAME, f"the base drafts tokens with a padded copy of the drafter, {copy.folder}")
    size, folder = f"{copy.num_bytes / GIB:.1f} GiB", copy.folder.parent
    free = free_bytes(folder)
    if free < copy.num_bytes:
        return fail(
            NAME,
            f"the base needs a padded copy of the drafter, {size}, and {folder} has room for {free / GIB:.1f} GiB",
            ELSEWHERE,
        )
    return warn(
        NAME,
        f"a padded copy of the drafter, {size}, must be written to {folder}, once",
        "`specreason up` and `worker` do so as they start",
    )
