"""The application's folder of files, for the routes."""

from __future__ import annotations

import logging
from uuid import UUID

from fastapi import Request

from api.database import database_of
from specreason.errors import SpecReasonError
from specreason.store.files.folder import Folder
from specreason.store.files.rows import unknown_files

log = logging.getLogger(__name__)


def folder_of(request: Request) -> Folder:
    """The one that `create_app` made."""
    folder: Folder = request.app.state.folder
    return folder


def remove_unless_known(request: Request, file_id: UUID) -> None:
    """Remove an upload that came to nothing: it was refused, or answered before.

    Whatever that was answered stands: where this fails, the file is swept later.
    """
    try:
        for unknown in unknown_files(database_of(request), [file_id]):
            folder_of(request).remove(unknown)
    except SpecReasonError as error:
        log.warning("file %s is removed later: %s", file_id, error)
