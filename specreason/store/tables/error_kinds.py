"""Errors by kind: those that differ in ids and numbers only are of one. What reads and what queues again share it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func

from specreason.store.tables.queue import job

_VARIES = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]+"
SIGN = "\x01"  # stands for what varies
BEGINNING = 300  # characters of an error that are compared


def beginning_of_error() -> ColumnElement[str]:
    return func.left(job.c.error, BEGINNING)


def kind_of_error() -> ColumnElement[str]:
    """The beginning of a job's error with SIGN for every id and number; NULL without an error."""
    return func.regexp_replace(beginning_of_error(), _VARIES, SIGN, "g")


def key_of_kind() -> ColumnElement[str]:
    """32 hex digits by which a URL or a form names the kind of a job's error; of no error, that of an empty one."""
    return func.md5(func.coalesce(kind_of_error(), ""))
