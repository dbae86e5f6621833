"""What the beginning of a file says before it is submitted."""

from __future__ import annotations

import io
import json

import pytest

from api.pages.submit.asked import asked_of
from api.pages.submit.preview import MOST_ROWS, SHOWN_ROWS, Preview, look
from specreason.errors import InvalidField


def seen(*lines: str, name: str = "problems.jsonl", num_bytes: int | None = None, **columns: str) -> Preview:
    return look(io.BytesIO("\n".join(lines).encode()), name, columns, num_bytes=num_bytes)


def row(number: int) -> str:
    return json.dumps({"question": f"What is {number:06d} + 1?", "answer": str(number + 1)})


def test_the_columns_are_found_and_the_first_rows_shown() -> None:
    found = seen(*map(row, range(9)))
    assert found.columns == {"problem": "question", "answer": "answer", "id": ""}
    assert (found.num_problems, found.num_with_answer, found.is_cut) == (9, 9, False)
    assert len(found.rows) == SHOWN_ROWS
    assert found.rows[0] == {"problem": "What is 000000 + 1?", "answer": "1"}
    assert any("'question' is taken for the problem" in remark for remark in found.remarks)


def test_a_wrong_line_is_told_with_its_text() -> None:
    found = seen(row(0), '{"quest": "x"}', "{bad", row(3))
    assert [(fault.where, fault.text) for fault in found.faults] == [
        ("line 2", '{"quest": "x"}'),
        ("line 3", "{bad"),
    ]
    assert (found.num_problems, found.num_faulty) == (2, 2)
    assert not any("left out" in remark for remark in found.remarks)


def test_a_wrong_row_of_a_table_is_told_with_its_values() -> None:
    found = seen("problem,answer", "What?,1", ",2", name="problems.csv")
    (fault,) = found.faults
    assert fault.where == "row 2"
    assert json.loads(fault.text)["answer"] == "2"


def test_of_a_head_the_number_of_problems_is_that_of_the_whole_file() -> None:
    head = "\n".join(map(row, range(10)))
    found = seen(head, num_bytes=10 * len(head))
    assert (found.num_problems, found.num_read, found.is_cut) == (100, 10, True)


def test_of_a_large_file_the_beginning_is_read_only() -> None:
    found = seen(*map(row, range(4 * MOST_ROWS)))
    assert found.num_read == MOST_ROWS
    assert found.is_cut
    assert found.num_problems == pytest.approx(4 * MOST_ROWS, rel=0.02)


def test_a_column_that_the_viewer_names_is_taken() -> None:
    assert seen(row(0), problem="answer", answer="").rows[0] == {"problem": "1"}


def test_a_file_that_is_none_of_problems_is_refused() -> None:
    with pytest.raises(InvalidField, match="it is empty"):
        seen("")


def test_the_form_says_the_same_as_the_options_of_the_api() -> None:
    given = {"name": " a ", "pair": "demo", "scheme": "base", "threshold": "", "repeats": "2"}
    options = asked_of({**given, "problem_column": "q", "skip_invalid": "true"}).options()
    assert (options["name"], options["skip_invalid"]) == ("a", "true")
    assert json.loads(options["config"]) == {"scheme": "base", "repeats": 2}
    assert json.loads(options["mapping"]) == {"problem": "q"}


def test_what_is_no_number_is_refused_with_the_name_of_its_field() -> None:
    with pytest.raises(InvalidField, match="threshold: must be a number"):
        asked_of({"threshold": "high"}).config()
