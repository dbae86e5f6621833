"""`specreason ask`: one problem, whose steps are shown as they come, and whose answer is waited for."""

from __future__ import annotations

import sys
from typing import Annotated, Any
from uuid import uuid4

import typer

from specreason.cli.completion import complete_pair
from specreason.cli.connection import LONG_PATIENCE_S, connected
from specreason.cli.dataset import knobs
from specreason.cli.dataset.choices import run_config
from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.options import ApiUrl, AsJson
from specreason.cli.show.answer import print_answer_alone, print_answered, print_asked_as_json
from specreason.cli.show.output import print_message
from specreason.cli.waiting.asking import cancelling_at_the_end, followed, shown_ladder
from specreason.client import Client
from specreason.config import RunConfig
from specreason.errors import InvalidField, NoWorker
from specreason.submission.chat import LONGEST
from specreason.submission.remarks import remarks
from specreason.words import counted

NAME = "ask"
# A person waits for the answer, so it goes before every ordinary batch.
PRIORITY = 100
STDIN = "-"
PAIR_HELP = "The pair of models. Default: the one that the live workers hold, if it is only one."
QUIET_HELP = "Print the answer alone: what is boxed, or else the whole text."
GOLD_HELP = "The right answer: the model's is graded against it."


def ask(
    context: typer.Context,
    question: Annotated[
        str,
        typer.Argument(
            help="The problem in words; `-` reads it from standard input. One that begins with `-` goes after `--`."
        ),
    ],
    *,
    pair: Annotated[str | None, typer.Option("--pair", help=PAIR_HELP, autocompletion=complete_pair)] = None,
    gold: Annotated[str | None, typer.Option("--answer", metavar="GOLD", help=GOLD_HELP)] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Print whole steps, not only their beginnings.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help=QUIET_HELP)] = False,
    config: Annotated[
        str | None,
        typer.Option(
            help="Further knobs as a JSON object, or a file with one. An option goes before it.",
            rich_help_panel=knobs.RUN,
        ),
    ] = None,
    scheme: knobs.Scheme = None,
    threshold: knobs.Threshold = None,
    first_steps_on_base: knobs.FirstStepsOnBase = None,
    token_budget: knobs.TokenBudget = None,
    max_answer_tokens: knobs.MaxAnswerTokens = None,
    temperature: knobs.Temperature = None,
    seed: knobs.Seed = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Ask one question and watch how it is thought through. Ctrl-C cancels it."""
    problem = {"problem": _text(question)} | ({} if gold is None else {"answer": gold})
    chosen = _of_one_run(run_config(config, knobs.chosen_knobs(context.params)))
    with connected(api, patience_s=LONG_PATIENCE_S) as client:
        name = _pair(client, pair)
        batch = client.submit(
            [problem],
            pair=name,
            config=chosen,
            name=NAME,
            priority=PRIORITY,
            filename=f"{NAME}.jsonl",
            # The same question again is asked again.
            idempotency_key=str(uuid4()),
        )
        with cancelling_at_the_end(client, batch.batch_id, api):
            # Not those of the batch: that one problem has no gold answer is nothing to remark here.
            for remark in remarks([RunConfig.model_validate(chosen)]):
                print_message(remark)
            (job_id,) = (each.job_id for each in client.jobs(batch.batch_id))
            with shown_ladder(is_shown=not (quiet or as_json), full=full) as ladder:
                job, steps = followed(client, job_id, ladder)
                if gold is not None and job.state == "succeeded" and job.is_correct is None:
                    client.wait(batch.batch_id)
                    job = client.job(job_id)
    if as_json:
        print_asked_as_json(job, steps)
    elif quiet:
        print_answer_alone(job, steps)
    else:
        print_answered(job, steps, api)
    raise typer.Exit(0 if job.state == "succeeded" else EXIT_SOME_FAILED)


def _text(question: str) -> str:
    """The problem, without white space at its ends. Raises InvalidField if it is empty, too long, or no text."""
    text = question
    if question == STDIN:
        try:
            text = sys.stdin.buffer.read().decode()
        except UnicodeDecodeError:
            raise InvalidField("standard input", "is not text in UTF-8") from None
    text = text.strip()
    where = "standard input" if question == STDIN else "question"
    if not text:
        raise InvalidField(where, "is empty")
    if len(text) > LONGEST:
        raise InvalidField(where, f"is longer than {counted(LONGEST, 'character')}")
    return text


def _of_one_run(chosen: dict[str, Any]) -> dict[str, Any]:
    if chosen.get("repeats", 1) != 1:
        raise InvalidField("config.repeats", "must be 1: `specreason submit` asks a question several times")
    return chosen


def _pair(client: Client, named: str | None) -> str:
    """The pair to ask. Raises NoWorker if no live worker holds it, InvalidField if it is unknown or one of several."""
    live = sorted({worker.pair for worker in client.workers() if worker.alive})
    if named is None and len(live) > 1:
        raise InvalidField("--pair", f"there are workers for {', '.join(live)}: name one")
    if named is None and not live:
        raise NoWorker(
            "no worker is up to answer; `specreason up` starts everything here, or `specreason worker` one"
        )
    if named is None or named in live:
        return named or live[0]
    known = client.health().pairs
    if named not in known:
        raise InvalidField("--pair", f"no pair is called '{named}'; the API knows {', '.join(sorted(known))}")
    others = f"; there are workers for {', '.join(live)}" if live else ""
    raise NoWorker(
        f"no worker serves the pair '{named}' now{others}. `specreason worker --pair {named}` starts one, and"
        " `specreason submit` waits for one"
    )
