"""The application's folder of files, for the routes."""

from __future__ import annotations

from fastapi import Request

from specreason.store.files.folder import Folder


def folder_of(request: Request) -> Folder:
    """The one that `create_app` made."""
    folder: Folder = request.app.state.folder
    return folder
