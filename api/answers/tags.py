"""The headings of the OpenAPI document, in the order in which a user meets them."""

from __future__ import annotations

from enum import StrEnum


class Tag(StrEnum):
    """A heading for operations that belong together."""

    SUBMISSIONS = "Submissions"
    BATCHES = "Batches"
    JOBS = "Jobs"
    RESULTS = "Results"
    EVENTS = "Events"
    WEBHOOKS = "Webhooks"
    DEPLOYMENT = "Workers and health"
    OPENAI_CHAT = "OpenAI chat completions"
    OPENAI_FILES = "OpenAI files"
    OPENAI_BATCHES = "OpenAI batches"
    OPENAI_MODELS = "OpenAI models"


DESCRIPTIONS = {
    Tag.SUBMISSIONS: "Send problems. They become a batch or a grid of batches, with a job for each problem and repeat.",
    Tag.BATCHES: "Find batches, read their figures, and control them.",
    Tag.JOBS: "Read single jobs with every step of their reasoning, and control them.",
    Tag.RESULTS: "Read the answers of a batch as JSONL, or the rows of its tables as Arrow.",
    Tag.EVENTS: "Follow a batch or a job as server-sent events.",
    Tag.WEBHOOKS: "Get a signed message when a batch ends.",
    Tag.DEPLOYMENT: "See which workers run jobs, and whether the API works.",
    Tag.OPENAI_CHAT: "Ask one question and wait for its answer, as with OpenAI's API.",
    Tag.OPENAI_FILES: "Upload and read files, as with OpenAI's API.",
    Tag.OPENAI_BATCHES: "Run the requests of an uploaded file, as with OpenAI's API.",
    Tag.OPENAI_MODELS: "List the pairs, which are the models of this deployment.",
}
