"""The two jobs whose traces are compared: by their own names, or by a problem of two batches."""

from __future__ import annotations

from uuid import UUID

from specreason.cli.show.output import print_message
from specreason.client import Client
from specreason.client.references import PLACES, whole_id
from specreason.errors import InvalidField, NotFound
from specreason.words import counted


def named_jobs(client: Client, a: str, b: str) -> tuple[UUID, UUID] | None:
    """The jobs that both name; None if they name batches."""
    wholes = [whole_id(ref) for ref in (a, b)]
    places = [any(place.fullmatch(ref) for place in PLACES) for ref in (a, b)]
    if not all(place or whole is not None for place, whole in zip(places, wholes, strict=True)):
        return None
    try:
        if not any(places):
            return None if _is_batch(client, a) else (client.job(UUID(a)).job_id, client.job(UUID(b)).job_id)
        return client.find_job(a), client.find_job(b)
    except (NotFound, InvalidField):
        # The name of a batch may end in a slash and a number.
        if any(places) and all(next(client.batches(ref=ref), None) is not None for ref in (a, b)):
            return None
        raise


def _is_batch(client: Client, ref: str) -> bool:
    try:
        client.batch(UUID(ref))
    except NotFound:
        return False
    return True


def jobs_of_problem(client: Client, a: UUID, b: UUID, problem: str, repeat: int | None) -> tuple[UUID, UUID]:
    """The jobs of one repeat of a problem; by default of the first whose grades differ, else of the first."""
    pairs = list(client.analysis.compared_problems(a, b, problem=problem))
    if not pairs:
        raise NotFound(f"problem: the two batches have no repeat of '{problem}' in common")
    if repeat is not None:
        found = next((pair for pair in pairs if pair.repeat == repeat), None)
        if found is None:
            raise NotFound(
                f"repeat: both batches have {counted(len(pairs), 'repeat')} of it, and none is {repeat}"
            )
        return found.job_a, found.job_b
    differ = (pair for pair in pairs if pair.is_correct_a != pair.is_correct_b)
    found = next(differ, pairs[0])
    if len(pairs) > 1:
        print_message(f"repeat {found.repeat}; --repeat shows another of {len(pairs)}")
    return found.job_a, found.job_b
