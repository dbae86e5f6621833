"""How a person names a batch or a job: short ids, names, and a job's place in its batch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID

from specreason.client.job_values import Job
from specreason.client.values import Batch
from specreason.errors import InvalidField, NotFound

if TYPE_CHECKING:
    from specreason.client.client import Client

# The last digits of a uuid7 are random: the first ones are a time, and alike in everything that was made together.
SHORT_DIGITS = 8
# Of several batches with one name, so many are told.
MOST_TOLD = 5
# A name may hold a slash too, so the last numbers are read in both ways.
PLACES = (
    re.compile(r"(?P<batch>.+)/(?P<index>\d{1,9})/(?P<repeat>\d{1,9})", re.DOTALL),
    re.compile(r"(?P<batch>.+)/(?P<index>\d{1,9})", re.DOTALL),
)


def short_id(whole: UUID) -> str:
    """Return the digits by which a person names a batch, a job, a worker or a key."""
    return whole.hex[-SHORT_DIGITS:]


def job_ref(job: Job, batch: Batch) -> str:
    """Return a job's place in its batch: `BATCH/INDEX`, or `BATCH/INDEX/REPEAT` if the batch has several repeats."""
    return place_ref(batch, job.problem_index, job.repeat)


def place_ref(batch: Batch, problem_index: int, repeat: int) -> str:
    """Return the same for a place."""
    of_repeat = f"/{repeat}" if batch.config.get("repeats", 1) > 1 else ""
    return f"{short_id(batch.batch_id)}/{problem_index}{of_repeat}"


def whole_id(ref: str) -> UUID | None:
    """Return `ref` as a whole id; None if it is none."""
    try:
        return UUID(ref)
    except ValueError:
        return None


def the_one(what: str, ref: str, found: Sequence[tuple[UUID, datetime]]) -> UUID:
    """Return the only id of `found`, the ids and times of what is called `ref`. `what` is "batch" or "key".

    Raises NotFound, and InvalidField for several.
    """
    if not found:
        command = {"batch": "batch list", "key": "keys list", "webhook": "webhook list"}[what]
        raise NotFound(
            f"{what}: none has the name '{ref}', or an id that begins or ends so (four digits at least); "
            f"`specreason {command}` lists them"
        )
    if len(found) > 1:
        told = ", ".join(
            f"{short_id(id_)} of {at.astimezone():%Y-%m-%d %H:%M}" for id_, at in found[:MOST_TOLD]
        )
        more = " and more" if len(found) > MOST_TOLD else ""
        raise InvalidField(what, f"'{ref}' names several: {told}{more}; name one by its id")
    return found[0][0]


def find_batch(client: Client, ref: str) -> UUID:
    """Return the id of the batch that `ref` names; a whole id asks nothing.

    Raises NotFound, and InvalidField if `ref` names several.
    """
    if (whole := whole_id(ref)) is not None:
        return whole
    found = islice(client.batches(ref=ref), MOST_TOLD + 1)
    return the_one("batch", ref, [(batch.batch_id, batch.created_at) for batch in found])


def find_job(client: Client, ref: str) -> UUID:
    """Return the id of the job at the place `ref`, or with the whole id `ref`, which asks nothing.

    Raises NotFound, and InvalidField if `ref` has another form or names several.
    """
    if (whole := whole_id(ref)) is not None:
        return whole
    places = [match for place in PLACES if (match := place.fullmatch(ref))]
    if not places:
        raise InvalidField(
            "job",
            f"must be BATCH/INDEX, BATCH/INDEX/REPEAT or a whole id, as `specreason batch jobs` prints (got '{ref}')",
        )
    missing: list[NotFound] = []
    for place in places:
        try:
            return _job_at(client, place)
        except NotFound as error:
            missing.append(error)
    raise missing[0]


def _job_at(client: Client, place: re.Match[str]) -> UUID:
    parts = place.groupdict()
    index, repeat = int(parts["index"]), parts.get("repeat")
    rows = client.jobs(
        client.find_batch(parts["batch"]),
        problem_index=index,
        repeat=None if repeat is None else int(repeat),
    )
    found = list(islice(rows, 2))
    if not found:
        raise NotFound(f"job: none is at '{place[0]}'; `specreason batch jobs {parts['batch']}` lists them")
    if len(found) > 1:
        first = f"{place[0]}/{found[0].repeat}"
        raise InvalidField("job", f"'{place[0]}' has several repeats; name one, such as {first}")
    return found[0].job_id
