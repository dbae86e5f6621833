"""The ten figures of a report: name, title, how each is read, its columns, and what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from specreason.evaluation.report.measures import HEAD, bounded
from specreason.evaluation.report.rows import Row
from specreason.evaluation.report.values import Figure, LeftOut

PASS, LATENCY, ACCEPTANCE = bounded("pass_at_1"), bounded("latency_s"), bounded("acceptance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One figure without its data. `needs` ends the sentence that says why it is left out."""

    name: str
    title: str
    reading: str
    needs: str
    columns: tuple[str, ...]

    def figure(self, rows: Sequence[Row], *, says: str, sql: str, remarks: Iterable[str] = ()) -> Figure:
        return Figure(
            name=self.name,
            title=self.title,
            says=says,
            reading=self.reading,
            remarks=tuple(remarks),
            sql=sql,
            columns=self.columns,
            rows=tuple(rows),
        )

    def left_out(self) -> LeftOut:
        return LeftOut(name=self.name, title=self.title, reason=f"{self.name} needs {self.needs}")


ACCURACY_LATENCY = Kind(
    name="accuracy_latency",
    title="Accuracy and latency",
    reading="Up is more right answers, left is faster. A cell on the front is beaten by no other cell of its dataset "
    "in both. Latencies compare where about as many jobs were in flight.",
    needs="graded answers and latencies of jobs that succeeded in one attempt; submit problems with gold answers",
    columns=(*HEAD, *PASS, *LATENCY, "concurrency", "num_problems", "num_jobs", "is_on_front"),
)
OUTPUT_LENGTH = Kind(
    name="output_length",
    title="Output length",
    reading="Mean tokens per job: kept ones by the model that wrote them, and wasted ones: rejected drafts, "
    "verdicts and what was cut off. Drafts ahead that overlap drops are in neither.",
    needs="jobs that succeeded, with their tokens",
    columns=(*HEAD, *bounded("kept_tokens"), "by_drafter", "by_base", "wasted", "num_jobs"),
)
BUDGET_GAP = Kind(
    name="budget_gap",
    title="Accuracy gap by token budget",
    reading="Above 0 the cell is right more often than the base alone at the same token budget, below 0 less often. "
    "Both are over the same problems and repeats.",
    needs="two token budgets, each with graded jobs of a scheme and of the base alone; run eval with "
    "--token-budgets 512,1024",
    columns=(*HEAD, "base_pass_at_1", "pass_at_1", *bounded("gap"), "num_pairs"),
)
THRESHOLD_SWEEP = Kind(
    name="threshold_sweep",
    title="Acceptance threshold",
    reading="From left to right the base keeps fewer drafts. The cells of the base alone, without a threshold, are "
    "the reference.",
    needs="two thresholds of one scheme, all else being equal; run eval with --thresholds 3,5,7,9",
    columns=(*HEAD, "score_method", *PASS, *LATENCY, *ACCEPTANCE, "num_jobs"),
)
FIRST_N_SWEEP = Kind(
    name="first_n_sweep",
    title="First steps on the base",
    reading="From left to right the base writes more of the first steps itself.",
    needs="two values of first_steps_on_base, all else being equal; run eval with --first-steps 0,10,20",
    columns=(*HEAD, *PASS, *LATENCY, *ACCEPTANCE, "num_jobs"),
)
REWARD = Kind(
    name="reward",
    title="Utility score and reward",
    reading="Drafts by their reward from a process reward model, in ten bins of equal width: the mean utility score "
    "that the base gave them, and how many of them it kept.",
    needs="drafts that a process reward model has scored; run `specreason prm BATCH`",
    columns=(
        *("cell", "label", "prm", "bin", "bin_low", "bin_high"),
        *bounded("utility_score"),
        *("num_steps", "share_accepted"),
    ),
)
BASE_SIZES = Kind(
    name="base_sizes",
    title="Size of the base",
    reading="The same schemes on pairs with other bases.",
    needs="two pairs with different bases on one dataset; run eval with another --pair, and name the batches of both",
    columns=(*HEAD, "base_parameters", *PASS, *LATENCY, "num_jobs"),
)
WHERE_TIME_GOES = Kind(
    name="where_time_goes",
    title="Where the time goes",
    reading="Mean seconds per job: the step loop waits for drafts, for verdicts and for text that is written without "
    "a draft or in place of one. The rest of the latency is waiting for storage and the loop's own work.",
    needs="latencies of jobs that succeeded in one attempt",
    columns=(*HEAD, "drafting_s", "verifying_s", "writing_s", "waiting_s", "latency_s", "num_jobs"),
)
SLOWEST_STEPS = Kind(
    name="slowest_steps",
    title="Slowest steps",
    reading="The steps of thinking that took longest, draft, verdict and rewriting together. What one model writes "
    "alone is stored in long chunks, which are no steps.",
    needs="steps of a scheme that drafts them; run eval with --schemes specreason",
    columns=(
        *("cell", "label", "batch_id", "job_id", "problem", "repeat", "step"),
        *("decision", "author", "seconds", "kept_tokens", "text"),
    ),
)
MOST_REWRITTEN_STEPS = Kind(
    name="most_rewritten_steps",
    title="Most rewritten",
    reading="The problems on which the base rejects most drafts per job. The example is the first rejected draft of "
    "the job with most of them.",
    needs="drafts that the base rejected; a higher threshold rejects more",
    columns=(
        *("cell", "label", "problem", "num_jobs", "num_drafts", "num_rewritten"),
        *("share_rewritten", "example_job_id", "example_step", "text"),
    ),
)
ALL = (
    *(ACCURACY_LATENCY, OUTPUT_LENGTH, BUDGET_GAP, THRESHOLD_SWEEP, FIRST_N_SWEEP),
    *(REWARD, BASE_SIZES, WHERE_TIME_GOES, SLOWEST_STEPS, MOST_REWRITTEN_STEPS),
)
