"""What a user should know of the configurations of a submission: knobs without effect, and choices that act alike.

A remark is no error: what it tells of runs as asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from specreason.config import RunConfig, SchemeName, ScoreMethod

# Above this, a mean of ten digits is reached only where nearly all probability is on 9.
HIGHEST_MEAN = 8.9
# The knobs that only a scheme with drafts reads.
OF_DRAFTS = (
    "threshold",
    "score_method",
    "first_steps_on_base",
    "delimiter",
    "min_step_tokens",
    "max_step_tokens",
    "max_same_steps",
    "answer_by",
    "overlap",
    "adaptive",
)
OF_THE_DRAFTER = ("drafter_temperature", "drafter_top_p", "drafter_top_k", "drafter_min_p")


def remarks(configs: Sequence[RunConfig]) -> tuple[str, ...]:
    """One sentence for each surprise in `configs`, which are those of one submission, as the user asked for them."""
    drafting = [config for config in configs if config.scheme.drafts_steps]
    return tuple(dict.fromkeys([*_without_effect(configs), *_thresholds(drafting), *_alike(configs)]))


def unread_knobs(scheme: SchemeName) -> tuple[str, ...]:
    """The knobs that change nothing under `scheme`."""
    if scheme.drafts_steps:
        return ()
    return OF_DRAFTS if scheme is SchemeName.DRAFTER else OF_DRAFTS + OF_THE_DRAFTER


def _without_effect(configs: Sequence[RunConfig]) -> Iterator[str]:
    """Knobs that were set and that no configuration reads."""
    schemes = list(dict.fromkeys(config.scheme.value for config in configs))
    unread = [
        name
        for name in OF_DRAFTS + OF_THE_DRAFTER
        if all(name in unread_knobs(config.scheme) for config in configs)
    ]
    if chosen := [name for name in unread if any(_is_set(config, name) for config in configs)]:
        who = f"scheme {schemes[0]} drafts" if len(schemes) == 1 else f"schemes {_listed(schemes)} draft"
        yield f"{', '.join(chosen)}: without effect, since the {who} no steps"
    for config in configs:
        if config.scheme.drafts_steps and _is_all_on_base(config):
            yield (
                f"first_steps_on_base {config.first_steps_on_base}: no step is drafted, since max_steps is"
                f" {config.max_steps}: the base writes every one"
            )


def _thresholds(drafting: Sequence[RunConfig]) -> Iterator[str]:
    """Thresholds that are hardly ever reached, or that act as another one."""
    rounded: dict[int, list[float]] = {}
    for config in drafting:
        threshold = config.threshold
        if threshold is None or _is_all_on_base(config):
            continue
        if config.score_method is ScoreMethod.EXPECTED:
            if threshold > HIGHEST_MEAN:
                yield (
                    f"threshold {threshold:g} with score_method expected: almost no draft is kept, since a mean over"
                    " the digits 0 to 9 comes so high only if nearly all probability is on 9"
                )
        elif threshold not in (same := rounded.setdefault(ceil(threshold), [])):
            same.append(threshold)
    for digit, same in rounded.items():
        if len(same) > 1:
            listed = _listed([f"{each:g}" for each in sorted(same)])
            yield f"thresholds {listed} act alike, since a greedy score is a whole digit"
        elif same[0] != digit:
            yield f"threshold {same[0]:g} acts as {digit}, since a greedy score is a whole digit"


def _alike(configs: Sequence[RunConfig]) -> Iterator[str]:
    """Repeats that draw nothing, and thus are all the same."""
    greedy = [config for config in configs if config.repeats > 1 and _is_greedy(config)]
    if greedy:
        schemes = ", ".join(dict.fromkeys(config.scheme.value for config in greedy))
        of = "" if len(greedy) == len(configs) else f" with scheme {schemes}"
        yield (
            f"repeats {greedy[0].repeats}: all repeats of a problem{of} are alike, since nothing is drawn at"
            " temperature 0"
        )


def _is_set(config: RunConfig, name: str) -> bool:
    return bool(getattr(config, name) != RunConfig.model_fields[name].default)


def _is_all_on_base(config: RunConfig) -> bool:
    return config.first_steps_on_base >= config.max_steps


def _is_greedy(config: RunConfig) -> bool:
    """Whether no model draws a token: neither the base nor, where it writes, the drafter."""
    drafts_at = config.temperature if config.drafter_temperature is None else config.drafter_temperature
    of_drafter, of_base = drafts_at == 0, config.temperature == 0
    if config.scheme is SchemeName.DRAFTER:
        return of_drafter
    # An adaptive run drafts as the measured times have it, and these differ.
    return of_base and (not config.scheme.drafts_steps or (of_drafter and not config.adaptive))


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}"
