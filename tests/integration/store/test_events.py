"""The event log as its readers see it: in order, and nothing is missed that commits late."""

from __future__ import annotations

import time

from sqlalchemy import Connection, insert

from specreason.store.access.visibility import Viewer
from specreason.store.queue import controls
from specreason.store.read.events import POLL_EVERY_S, HighWaterMark, Subject, last_event_id, read_events
from specreason.store.session import Database
from specreason.store.tables.queue import event
from specreason.store.tables.states import EventKind
from tests.support.store.builders import job_ids, submit
from tests.support.store.sql import execute


def tell(connection: Connection, kind: EventKind, subject: Subject) -> None:
    connection.execute(insert(event).values(kind=kind, batch_id=subject.batch_id))


def latest(mark: HighWaterMark) -> int:
    """The mark after a fresh poll."""
    time.sleep(POLL_EVERY_S)
    return mark.latest()


def test_an_event_that_commits_late_holds_back_those_behind_it(database: Database) -> None:
    subject = Subject(batch_id=submit(database))
    mark = HighWaterMark(database)
    before = latest(mark)
    with database.connect() as slow, database.connect() as fast:
        tell(slow, EventKind.BATCH_PAUSED, subject)
        tell(fast, EventKind.BATCH_RESUMED, subject)
        fast.commit()
        for _ in range(3):
            assert latest(mark) == before
        slow.commit()
    up_to = latest(mark)
    seen = read_events(database, Viewer.EVERYONE, subject, after=before, up_to=up_to)
    assert [each.kind for each in seen] == [EventKind.BATCH_PAUSED, EventKind.BATCH_RESUMED]


def test_a_writer_who_came_later_does_not_hold_back_what_was_there(database: Database) -> None:
    subject = Subject(batch_id=submit(database))
    mark = HighWaterMark(database)
    with database.connect() as first, database.connect() as second:
        tell(first, EventKind.BATCH_PAUSED, subject)
        latest(mark)
        tell(second, EventKind.BATCH_RESUMED, subject)
        first.commit()
        up_to = latest(mark)
        kinds = [each.kind for each in read_events(database, Viewer.EVERYONE, subject, after=0, up_to=up_to)]
        assert kinds == [EventKind.BATCH_SUBMITTED, EventKind.BATCH_PAUSED]
        second.rollback()


def test_the_last_event_is_known_once_every_job_has_ended(database: Database) -> None:
    batch_id = submit(database, 2)
    batch = Subject(batch_id=batch_id)
    first, second = job_ids(database, batch_id)
    controls.cancel_job(database, Viewer.EVERYONE, first)
    assert last_event_id(database, Viewer.EVERYONE, batch) is None
    assert last_event_id(database, Viewer.EVERYONE, Subject(job_id=first)) is not None
    controls.cancel_job(database, Viewer.EVERYONE, second)
    last_id = last_event_id(database, Viewer.EVERYONE, batch)
    assert last_id is not None
    events = read_events(database, Viewer.EVERYONE, batch, after=0, up_to=last_id)
    assert (len(events), events[-1].id, events[-1].job_id) == (3, last_id, second)
    page = read_events(database, Viewer.EVERYONE, batch, after=events[0].id, up_to=last_id, limit=1)
    assert page == events[1:2]


def test_a_viewer_is_told_of_nothing_that_another_owns(database: Database) -> None:
    subject = Subject(batch_id=submit(database))
    execute(database, "UPDATE batch SET owner = 'ada'")
    up_to = latest(HighWaterMark(database))
    assert len(read_events(database, Viewer.of("ada"), subject, after=0, up_to=up_to)) == 1
    assert read_events(database, Viewer.of("eve"), subject, after=0, up_to=up_to) == ()
    assert last_event_id(database, Viewer.of("eve"), subject) == 0
