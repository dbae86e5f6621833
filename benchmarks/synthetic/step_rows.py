"""Rows of `step` and `step_payload` as COPY takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.synthetic.copying import NULL, Column, encoded
from benchmarks.synthetic.draw import DrawnBatch
from benchmarks.synthetic.steps import CODE, DECISIONS, DrawnSteps
from benchmarks.synthetic.texts import text_cells
from specreason.engines.base import FinishReason, Role
from specreason.reasoning.steps import AUTHOR_OF, Decision, Phase
from specreason.store.tables.columns import DEVICE_SECONDS

DRAFTED, CLOSED = (
    [CODE[decision] for decision in Decision if decision.drafted],
    [CODE[decision] for decision in Decision if decision.closes_thinking],
)
WIDTHS = {"index": "i4", "fence": "i8", "utility_score": "i2", "created_at": "i8"}
ODDS = ("recent_acceptance", "break_even", "tokens_since_draft")
VERDICT = ("digit_probs", "non_digit_mass", *(f"verify_{name}" for name in ("token_id", "prompt_tokens")))
COST = ("tokens", "prompt_tokens", "cached_tokens", "ttft_s", "latency_s")
STEP_COLUMNS = (
    *("job_id", "index", "fence", "phase", "decision", "author", *ODDS, "threshold", "utility_score"),
    *("expected_score", *VERDICT, "verify_cached_tokens", "verify_latency_s", "kept_tokens", "spent_tokens"),
    *("finish_reason", *(f"draft_{name}" for name in COST), "draft_finish_reason", "draft_ahead_s"),
    *(*(f"written_{name}" for name in COST), "written_finish_reason", "created_at", *DEVICE_SECONDS),
    "inserted_tokens",
)
PAYLOAD_COLUMNS = (
    *("job_id", "index", "kept_text", "kept_ids", "draft_text", "draft_ids", "written_text", "written_ids"),
)


def step_rows(drawn: DrawnBatch) -> bytes:
    """Rows of `step`. Those with the same columns set are encoded together, and then put in order."""
    steps = drawn.steps
    rows = np.empty(len(steps.job), dtype=object)
    kinds = steps.decision * 4 + steps.has_odds * 2 + steps.ends
    for kind in np.unique(kinds):
        which = np.flatnonzero(kinds == kind)
        decision, with_odds, ends = DECISIONS[kind // 4], bool(kind & 2), bool(kind & 1)
        columns = _columns(steps, which, decision, with_odds=with_odds, ends=ends)
        columns["job_id"] = drawn.job_id_bytes[steps.job[which]]
        rows[which] = encoded({name: columns[name] for name in STEP_COLUMNS}, len(which))
    return b"".join(rows.tolist())


def payload_rows(drawn: DrawnBatch) -> bytes:
    """Rows of `step_payload`."""
    steps = drawn.steps
    count = len(steps.job)
    drafted, closes = np.isin(steps.decision, DRAFTED), np.isin(steps.decision, CLOSED)
    accepted = steps.decision == CODE[Decision.ACCEPTED]
    keys: dict[str, Column] = {
        "job_id": drawn.job_id_bytes[steps.job],
        "index": steps.values["index"].astype(np.int32),
    }
    pieces = np.empty((count, 4), dtype=object)
    pieces[:, 0] = encoded(keys, count, num_columns=len(PAYLOAD_COLUMNS))
    pieces[:, 2:] = NULL + NULL
    pieces[drafted, 2] = text_cells(steps.draft[0][drafted], steps.draft[1][drafted])
    pieces[~accepted, 1] = text_cells(steps.written[0][~accepted], steps.written[1][~accepted])
    pieces[accepted, 1] = pieces[accepted, 2]
    writes = ~accepted & ~closes
    pieces[writes, 3] = pieces[writes, 1]
    return b"".join(pieces.ravel().tolist())


def _columns(
    steps: DrawnSteps, which: NDArray[Any], decision: Decision, *, with_odds: bool, ends: bool
) -> dict[str, Column]:
    """The columns of rows with one decision."""
    columns: dict[str, Column] = dict.fromkeys(STEP_COLUMNS)
    absent = {name for name in STEP_COLUMNS if name not in steps.values}
    if not with_odds:
        absent.update(ODDS)
    if not decision.drafted:
        absent.update(n for n in STEP_COLUMNS if n.startswith(("draft_", "verify_")) or n in VERDICT)
        absent.update(("threshold", "utility_score", "expected_score"))
    if decision is Decision.REJECTED_NO_DIGIT:
        absent.update(("utility_score", "expected_score"))
    if decision is Decision.ACCEPTED or decision.closes_thinking:
        absent.update(n for n in STEP_COLUMNS if n.startswith("written_"))
    for name in STEP_COLUMNS:
        if name not in absent:
            values = steps.values[name][which]
            columns[name] = values if values.dtype.kind == "f" else values.astype(WIDTHS.get(name, "i4"))
    answers = decision is Decision.ANSWER
    author = AUTHOR_OF.get(decision, Role.BASE if answers else None)
    finish = FinishReason.EOS if answers else FinishReason.THINK_END if ends else FinishReason.DELIMITER
    columns["phase"] = (Phase.ANSWER if answers else Phase.THINK).encode()
    columns["decision"] = decision.encode()
    columns["author"] = author.encode() if author is not None else None
    columns["finish_reason"] = None if decision.closes_thinking else finish.encode()
    columns["draft_finish_reason"] = finish.encode() if decision.drafted else None
    columns["written_finish_reason"] = finish.encode() if columns["written_tokens"] is not None else None
    return columns
