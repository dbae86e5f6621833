"""What drawing needs on this machine."""

from __future__ import annotations

from importlib.util import find_spec

from specreason.errors import ExtraMissing


def check_drawing() -> None:
    """Raise ExtraMissing if nothing can be drawn here. Nothing is imported."""
    for library in ("matplotlib", "jinja2"):
        if find_spec(library) is None:
            raise ExtraMissing(library)
