"""A file as it really is: `specreason submit` and the same file sent to the API give the same answer."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import httpx2
import pyarrow
import pytest

from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from tests.support.datasets import CASES, as_parquet
from tests.support.messages import names
from tests.support.shell import Shell

CASE_NAMES = [path.name for path in sorted(CASES.iterdir())]
ROW = {"problem": "1 + 1?", "answer": "2"}
TABLE = "problem;answer\r\nWie groß ist 1 + 1?;2\r\n"
# Further files, and a word of what is said of each; "" for those that need no word.
OTHERS = {
    "list.json": (json.dumps([ROW, ROW], indent=1).encode(), ""),
    "list.csv": (json.dumps([ROW, ROW]).encode(), "JSON"),
    "wrapped.jsonl": (json.dumps({"version": 1, "data": [ROW]}).encode(), "'data'"),
    "excel.csv": (b"sep=;\r\n" + TABLE.encode(), "semicolons"),
    "excel.txt": (TABLE.replace(";", "\t").encode("utf-16"), "UTF-16"),
    "packed.csv.gz": (gzip.compress(TABLE.encode(), mtime=0), "gzip"),
    "without-suffix": (as_parquet({**{name: [cell] for name, cell in ROW.items()}, "raw": [b"abc"]}), ""),
    "lengths.parquet": (
        as_parquet(
            {"problem": ["x"], "took": pyarrow.array([1], pyarrow.duration("ns")), "raw": [b"x" * 99_999]}
        ),
        "'raw'",
    ),
    "latin.csv": (TABLE.encode("latin-1"), "Windows-1252"),
    "quote.csv": (b'problem,answer\n1?,1\n"2?,2\n3?,3\n', "line 3"),
    "table.jsonl": (TABLE.encode(), "CSV"),
    "twice.jsonl": (json.dumps(ROW).encode() * 2, "line 1"),
    "book.csv": (b"PK\x03\x04" + bytes(26) + b"xl/workbook.xml", "CSV UTF-8"),
    "header.csv": (b"problem,answer\n", "header"),
    "empty.parquet": (b"", "empty"),
    "cut.parquet": (as_parquet({"problem": ["x"]})[:-9], "cut off"),
}


def problems(database: Database, *, after: int = 0) -> list[tuple[object, ...]]:
    found = read_only_query(database, f"SELECT text, answer, source FROM problem ORDER BY id OFFSET {after}")
    return list(found.rows)


@pytest.mark.parametrize("files", [CASE_NAMES, list(OTHERS)], ids=["given", "others"])
def test_both_read_the_same_rows_or_refuse_the_file_alike(
    shell: Shell, database: Database, tmp_path: Path, files: list[str]
) -> None:
    for name in files:
        content, says = OTHERS[name] if name in OTHERS else ((CASES / name).read_bytes(), "")
        (tmp_path / name).write_bytes(content)
        num_before = len(problems(database))
        ended = shell("submit", tmp_path / name, "--again")
        by_command = problems(database, after=num_before)
        answer = httpx2.post(f"{shell.url}/api/batches", data={}, files={"file": (name, content)})
        by_request = problems(database, after=num_before + len(by_command))
        assert (ended.status, answer.status_code) in ((0, 201), (2, 422)), (name, answer.text)
        assert by_request == by_command, name
        assert bool(by_command) is (ended.status == 0), name
        said = answer.json()
        assert not ended.status or said["detail"].partition(": ")[2] in ended.err
        for text in (ended.err, json.dumps(said, ensure_ascii=False)):
            assert names(text, *filter(None, [says])), name
            assert "Traceback" not in text, name
