"""Commands of `specreason`, run in this process against one API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from specreason.cli.main import run


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands in this process against one API."""

    url: str
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object) -> Ended:
        self.capture.readouterr()
        status = run([str(each) for each in arguments])
        out, err = self.capture.readouterr()
        return Ended(status, out, err)
