"""`specreason prm`: scores stored steps with a process reward model, and says how far the base agrees with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from specreason.cli.connection import LONG_PATIENCE_S, connected
from specreason.cli.options import ApiUrl, AsJson, BatchRefs, check_choices
from specreason.cli.show.output import print_json, print_message
from specreason.cli.waiting.counting import shown_rows
from specreason.cli.waiting.leaving import saying_at_the_end
from specreason.client import Batch, Client, short_id
from specreason.errors import Unreachable
from specreason.prm.protocol import MATH_SHEPHERD

if TYPE_CHECKING:
    from specreason.cli.rewards.scoring import Wish
    from specreason.prm.files import ModelFiles
    from specreason.prm.model import RewardModel

GOES_ON = "what is scored is stored, and the same command goes on"


def prm(
    refs: BatchRefs,
    *,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME|FOLDER",
            help="A causal language model of Math-Shepherd's protocol: an id of the Hugging Face hub, or a folder.",
        ),
    ] = MATH_SHEPHERD,
    revision: Annotated[
        str | None, typer.Option(metavar="REVISION", help="Commit, tag or branch of a model of the hub.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE", help="cpu, cuda or cuda:1. Default: the first GPU; without one, the CPU."
        ),
    ] = None,
    dtype: Annotated[
        str,
        typer.Option(
            metavar="TYPE", help="Of the weights: bfloat16, float16 or float32; auto: that of the files."
        ),
    ] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, max=1024, help="Sequences in one pass.")] = 8,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="JOBS", help="Score the steps of at most so many jobs of each batch."),
    ] = None,
    kept_only: Annotated[
        bool,
        typer.Option(
            "--kept-only", help="Leave out drafts that were rejected. Each takes a pass of its own."
        ),
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Score all steps again, and replace the scores of this model.")
    ] = False,
    stored: Annotated[
        bool, typer.Option("--stored", help="Load no model and score nothing: show what is stored.")
    ] = False,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Score the thinking of batches step by step with a process reward model, and compare it with the base's scores.

    The scores are stored beside the steps. What has a score is not scored again, so the same command goes on where this
    one stopped. At the end stands how far the base's utility scores rank drafts as the model does.
    """
    from specreason.cli.rewards.report import in_words, print_rewards
    from specreason.cli.rewards.scoring import Wish
    from specreason.prm.model import DTYPES

    check_choices("--dtype", [dtype], DTYPES)
    wish = Wish(batch_size=batch_size, drafts=not kept_only, again=again, limit=limit)
    said: list[dict[str, Any]] = []
    with _saying_how_to_go_on(), connected(api, patience_s=LONG_PATIENCE_S, timeout_s=120) as client:
        batches = [client.batch(id_) for id_ in dict.fromkeys(client.find_batch(ref) for ref in refs)]
        if not stored:
            files, loaded = _loaded(model, revision, device, dtype)
        for batch in batches:
            if not stored:
                counts = _score(client, batch, files, loaded, wish)
                print_message(f"batch {short_id(batch.batch_id)}: {in_words(counts)}")
            rewards = client.analysis.rewards(batch.batch_id)
            if not as_json:
                print_rewards(rewards)
            scored = {} if stored else {"scored": asdict(counts)}
            said.append({"batch_id": batch.batch_id, "rewards": rewards} | scored)
    if as_json:
        print_json({"data": said})


def _loaded(
    model: str, revision: str | None, device: str | None, dtype: str
) -> tuple[ModelFiles, RewardModel]:
    from specreason.prm.files import find_files
    from specreason.prm.model import RewardModel

    files = find_files(model, revision, print_message)
    print_message(f"Loading {files.name} at {files.revision}")
    return files, RewardModel(files.folder, device=device, dtype=dtype)


def _score(client: Client, batch: Batch, files: ModelFiles, loaded: RewardModel, wish: Wish) -> Any:
    from specreason.cli.rewards.scoring import Scoring
    from specreason.cli.rewards.stored_traces import Model

    scoring = Scoring(client, batch.batch_id, Model(files.name, files.revision), loaded, wish)
    total = batch.num_steps if wish.limit is None else None
    with shown_rows(f"scoring {short_id(batch.batch_id)}", total, noun="steps") as tell:
        return scoring.run(tell)


@contextmanager
def _saying_how_to_go_on() -> Iterator[None]:
    try:
        with saying_at_the_end(interrupted=f"interrupted; {GOES_ON}", stopped=f"stopped; {GOES_ON}"):
            yield
    except Unreachable as error:
        raise type(error)(f"{error}; {GOES_ON}") from error
