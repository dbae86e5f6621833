"""`specreason eval`: a grid of schemes and knobs over datasets, as ordinary batches under one name."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from specreason.cli.connection import REPORT_TIMEOUT_S, connected
from specreason.cli.evaluating.asked import Asked, asked, chosen_schemes, pairs_of
from specreason.cli.evaluating.dataset import read_datasets
from specreason.cli.evaluating.deployment import hint, opened, served_pairs, url_of_api
from specreason.cli.evaluating.expecting import CellEstimates, estimates_of
from specreason.cli.evaluating.running import run
from specreason.cli.evaluating.submission import planned, stored_batches
from specreason.cli.evaluating.tables import plan_as_json, print_figures, print_plan, tell_failures
from specreason.cli.options import WAITING, ApiUrl, AsJson, DataDir, PairName, Timeout
from specreason.cli.show.output import print_json, print_message
from specreason.cli.waiting.drawing import check_report_folder, draw_into
from specreason.cli.waiting.watching import exit_status_of
from specreason.client.deadline import Deadline
from specreason.config import MOST_REPEATS
from specreason.errors import InputError, InvalidField, TransientError
from specreason.evaluation.report.values import Report
from specreason.pairs import load_pairs
from specreason.settings import MOST_SLOTS, load_settings
from specreason.submission.remarks import remarks

DATASET, GRID = "The dataset", "The grid"
NO_API = "no API runs here, so what is stored already is not known: the plan is that of an eval that begins"


def _option(panel: str, help: str, *names: str, metavar: str | None = None, **bounds: Any) -> Any:
    return typer.Option(*names, help=help, metavar=metavar, rich_help_panel=panel, **bounds)


def run_eval(  # noqa: PLR0917 (Typer passes by name)
    dataset: Annotated[
        list[str] | None,
        _option(
            DATASET,
            "A dataset by its name, or a file. Several with commas, or repeat it. Default: demo.",
            metavar="DATASET",
        ),
    ] = None,
    limit: Annotated[
        int | None, _option(DATASET, "The first so many problems of each dataset. Default: all.", min=1)
    ] = None,
    problem: Annotated[
        str | None, _option(DATASET, "Of a file, the column of the problems.", metavar="COLUMN")
    ] = None,
    answer: Annotated[
        str | None, _option(DATASET, "Of a file, the column of the answers.", metavar="COLUMN")
    ] = None,
    id_: Annotated[
        str | None, _option(DATASET, "Of a file, the column of your own ids.", "--id", metavar="COLUMN")
    ] = None,
    pair: PairName = "demo",
    schemes: Annotated[
        str | None,
        _option(
            GRID,
            "Schemes, with commas between them. Default: base, drafter and specreason, and those with token-level "
            "speculation if a pair serves them.",
            metavar="SCHEMES",
        ),
    ] = None,
    thresholds: Annotated[
        str | None, _option(GRID, "Acceptance thresholds: 5,7,9. Default: the pair's.", metavar="NUMBERS")
    ] = None,
    first_steps: Annotated[
        str | None, _option(GRID, "Values of first_steps_on_base: 0,10,20. Default: 0.", metavar="NUMBERS")
    ] = None,
    token_budgets: Annotated[
        str | None, _option(GRID, "Values of token_budget: 512,1024. Default: 8192.", metavar="NUMBERS")
    ] = None,
    repeats: Annotated[
        int,
        _option(
            GRID,
            "Repeats of every problem in each cell. More of them later run only what is missing.",
            min=1,
            max=MOST_REPEATS,
        ),
    ] = 1,
    config: Annotated[
        str | None, _option(GRID, "Knobs of all cells as a JSON object, or a file with one.", metavar="JSON")
    ] = None,
    seed: Annotated[int | None, _option(GRID, "Seed of the random numbers. Default: 0.")] = None,
    name: Annotated[
        str | None, _option(GRID, "The name of the eval. Default: DATASET-PAIR.", metavar="NAME")
    ] = None,
    *,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show the cells, what is there and what is missing; send nothing."),
    ] = False,
    slots: Annotated[
        int | None,
        _option(
            WAITING, "Jobs in flight, of a worker that the command starts itself.", min=1, max=MOST_SLOTS
        ),
    ] = None,
    data_dir: DataDir = None,
    report: Annotated[
        Path | None,
        _option(WAITING, "At the end, draw the report of all cells into this folder.", metavar="DIR"),
    ] = None,
    timeout: Timeout = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Run every scheme and knob of a grid over datasets, and compare them.

    Each cell of the grid is one or more ordinary batches. Run it again to go on after a stop, with more repeats, or
    with further schemes and thresholds: only what is missing is run. Without a running API the command starts its own.
    """
    deadline = Deadline.after(timeout)
    if report is not None:
        check_report_folder(report, option="--report")
    known = load_pairs(load_settings().pairs_file)
    wanted = chosen_schemes(schemes)
    datasets = read_datasets(
        dataset or ["demo"], {"problem": problem, "answer": answer, "id": id_}, limit=limit
    )
    url = url_of_api(api, data_dir)
    if url is not None and slots is not None:
        raise InvalidField("--slots", f"has no effect: the workers of the API at {url} run the jobs")
    served = served_pairs(url) if url is not None and wanted is None else set()
    whole = asked(
        datasets,
        pairs_of(wanted, pair, known, lambda partner: url is None or partner in served),
        known,
        pair=pair,
        name=name,
        grid={"threshold": thresholds, "first_steps_on_base": first_steps, "token_budget": token_budgets},
        config=config,
        seed=seed,
        num_repeats=repeats,
    )
    _tell_remarks(whole)
    if dry_run:
        _show_plan(whole, url, as_json=as_json)
        return
    with opened(url, pairs=whole.pairs, data_dir=data_dir, slots=slots) as deployment:
        batches = run(whole, deployment, deadline)
        found = _figures(deployment.url, whole.name)
    page = None if found is None or report is None else draw_into(found, report)
    own = {cell: batches[cell] for cell in whole.cells}
    if as_json:
        print_json(
            {
                "eval": whole.name,
                "cells": found.cells if found else [],
                "report": None if page is None else str(page),
            }
        )
    elif found is not None:
        print_figures(found.cells)
    as_hint = partial(hint, api_url=url, data_dir=data_dir)
    tell_failures(own, as_hint)
    if page is not None:
        print_message(f"the report: {page}")
    else:
        print_message(f"{as_hint(f'specreason report --eval {shlex.quote(whole.name)}')} draws the figures")
    raise typer.Exit(exit_status_of([batch for of_cell in own.values() for batch in of_cell]))


def _figures(url: str, name: str) -> Report | None:
    """Those of all cells under this name. None, with the reason, if the API does not give them; the jobs have run."""
    try:
        with connected(url, timeout_s=REPORT_TIMEOUT_S) as client:
            return client.analysis.report(eval=name)
    except (InputError, TransientError) as error:
        print_message(f"no figures: {error}")
        return None


def _tell_remarks(whole: Asked) -> None:
    for dataset in whole.datasets.values():
        for remark in dataset.remarks:
            print_message(remark if len(whole.datasets) == 1 else f"{dataset.name}: {remark}")
    configs = [config.model_copy(update={"repeats": whole.num_repeats}) for config in whole.cells.values()]
    for remark in remarks(configs):
        print_message(remark)


def _show_plan(whole: Asked, url: str | None, *, as_json: bool) -> None:
    if url is None:
        cells = planned(whole, {})
        expected = CellEstimates(estimates=(None,) * len(cells), why_none=NO_API)
    else:
        with connected(url) as client:
            cells = planned(whole, stored_batches(client, whole))
            expected = estimates_of(client, whole, cells)
    if as_json:
        print_json(plan_as_json(whole, cells, expected))
    else:
        print_plan(whole, cells, expected)
