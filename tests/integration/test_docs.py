"""Every SQL statement that the pages show runs on the tables as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from specreason.store.session import Database, read_only_query

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SOME_ID = "'00000000-0000-0000-0000-000000000000'"
STATEMENTS = [
    pytest.param(statement.strip(), id=f"{page.name}-{number}")
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for number, statement in enumerate(
        s for block in BLOCK.findall(page.read_text()) for s in block.split(";") if s.strip()
    )
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_query_of_the_pages_runs(database: Database, statement: str) -> None:
    """An id that the reader is to fill in stands there in capitals."""
    assert read_only_query(database, re.sub(r"'[A-Z_]+'", SOME_ID, statement)).columns
