"""Which columns of a dataset are taken for problem, answer and id, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from specreason.errors import InvalidField
from specreason.submission.columns import Columns, find
from specreason.submission.datasets import Row
from specreason.submission.intake import Intake
from specreason.submission.problem import Problem, problem_of
from tests.support.messages import names, naming

SUM = "1 + 1?"
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": SUM}]
VERL = {
    "data_source": "x",
    "prompt": CHAT,
    "reward_model": {"ground_truth": "2", "style": "rule"},
    "extra_info": {"index": "r-1"},
}


def taken_from(
    *rows: dict[str, Any], given: Mapping[str, str | None] | None = None, place: str = "line"
) -> tuple[Intake, list[Problem]]:
    intake = Intake(given or {}, lambda field: f"--{field}")
    read = (Row(where=f"{place} {number}", values=row, line=b"") for number, row in enumerate(rows, start=1))
    return intake, [problem for _, problem in intake.problems(read)]


def choose(columns: str, **given: str) -> dict[str, str]:
    """The columns that are chosen in a table of one row."""
    return taken_from(dict.fromkeys(columns.split(), "2"), given=given, place="row")[0].mapping


def test_columns_called_as_ours_need_no_remark() -> None:
    intake, _ = taken_from({"problem": SUM, "answer": "2", "url": "x"})
    assert (intake.mapping, intake.remarks()) == ({"problem": "problem", "answer": "answer"}, ())


def test_the_only_usual_name_is_guessed_and_said() -> None:
    intake, (problem,) = taken_from({"question": SUM, "solution": "2", "uid": "a", "level": 1})
    assert intake.mapping == {"problem": "question", "answer": "solution", "id": "uid"}
    assert (problem.answer, problem.id, problem.source) == ("2", "a", {"level": 1})
    for remark, facts in zip(intake.remarks(), ("solution", "uid", "question"), strict=True):
        assert names(remark, f"'{facts}'", "says otherwise")


@pytest.mark.parametrize(
    ("problem", "answer", "id_"),
    [
        (" problem", " answer", "id"),
        ("Problem", "Answer", "ID"),
        ("PROBLEM ", "Final Answer", "_id"),
        ("\ufeffproblem", "answer\u00a0", "Unique-Id"),
        ("Question", "expectedAnswer", "problemId"),
        ("Query\t", "Gold", "UID"),
    ],
)
def test_a_name_is_found_whatever_its_case_and_white_space(problem: str, answer: str, id_: str) -> None:
    intake, (taken,) = taken_from({id_: 7, problem: SUM, answer: "2", "level": 1})
    assert intake.mapping == {"problem": problem, "answer": answer, "id": id_}
    assert (taken.problem, taken.answer, taken.id, taken.source) == (SUM, "2", "7", {"level": 1})
    said = "\n".join(intake.remarks())
    assert all(f"'{name}'" in said for name in (problem, answer))


def test_the_users_own_name_is_found_so_too_and_that_is_said() -> None:
    intake, (taken,) = taken_from({"Task": SUM, "Result": "2"}, given={"problem": "task", "answer": "result"})
    assert (taken.problem, taken.answer) == (SUM, "2")
    assert names("\n".join(intake.remarks()), "'Task'", "'Result'")
    intake, _ = taken_from({"Task": SUM, "answer": "2"}, given={"problem": "Task"})
    assert intake.remarks() == ()


@pytest.mark.parametrize(
    ("columns", "given", "says"),
    [
        ("question prompt", {}, "--problem .*question, prompt"),
        ("text label", {}, "--problem .*text, label"),
        ("question gold target", {}, naming("gold", "target", "--answer")),
        ("question Answer answer_", {}, naming("Answer", "answer_", "--answer")),
        ("Problem problem_", {}, naming("Problem", "problem_", "--problem")),
        ("question", {"problem": "qestion"}, "'qestion'.* question"),
        ("question", {"answer": "questions"}, "'questions'.* question"),
        ("question", {"id": "no.such.place"}, "--id.*'no.such.place'.* question"),
    ],
)
def test_columns_that_could_be_several_things_or_are_none_are_listed(
    columns: str, given: dict[str, str], says: str
) -> None:
    with pytest.raises(InvalidField, match=says):
        choose(columns, **given)


def test_a_name_as_it_is_spelled_goes_before_those_that_are_alike() -> None:
    assert choose("Problem problem answer Answer") == {"problem": "problem", "answer": "answer"}
    assert choose("question final_answer ground_truth")["answer"] == "final_answer"


def test_no_answers_are_wanted_with_an_empty_name() -> None:
    intake, (problem,) = taken_from({"problem": SUM, "answer": "2", "": "x"}, given={"answer": ""})
    assert (problem.answer, problem.source) == (None, {"answer": "2", "": "x"})
    assert intake.remarks() == ()


def test_that_there_is_no_answer_is_said_with_the_columns() -> None:
    (remark,) = taken_from({"problem": SUM, "result": "2", "meta": {"by": "x", "at": {"year": 1}}})[
        0
    ].remarks()
    assert names(remark, "no answers", "problem, result, meta.by, meta.at.year")
    many = {f"column_{number}": 1 for number in range(1_000)}
    (remark,) = taken_from({"problem": SUM, **many, "x" * 10_000: 1})[0].remarks()
    assert names(remark, "column_3", "more")
    assert len(remark) < 1_000


def test_a_chat_with_nested_answers_and_ids_is_understood_by_itself() -> None:
    intake, (problem,) = taken_from(VERL)
    assert (problem.problem, problem.answer, problem.id) == (SUM, "2", "r-1")
    assert problem.messages is not None
    assert [message.role for message in problem.messages] == ["system", "user"]
    assert problem.source == {key: VERL[key] for key in ("data_source", "reward_model", "extra_info")}
    assert names("\n".join(intake.remarks()), "'reward_model.ground_truth'", "'extra_info.index'", "'prompt'")


def test_a_column_of_its_own_goes_before_a_nested_one() -> None:
    assert taken_from({**VERL, "solution": "3"})[1][0].answer == "3"
    assert taken_from({**VERL, "uid": "u"})[1][0].id == "u"


@pytest.mark.parametrize(
    ("row", "name", "value"),
    [
        ({"choices": ["a", "b"]}, "choices.0", "a"),
        ({"choices": [{"text": "a"}]}, "choices.0.text", "a"),
        ({"a.b": {"c.d": 1}}, "a.b.c.d", 1),
        ({"a": {"b": 1}, "a.b": 2}, "a.b", 2),
        ({"Reward_Model": {"Ground Truth": "2"}}, "reward_model.ground_truth", "2"),
        ({"meta": '{"gold": {"text": "2"}}'}, "meta.gold.text", "2"),
        ({"meta": "{'gold': ['2', \"it's\"]}"}, "meta.gold.1", "it's"),
        ({"meta": [["x"], ["y"]]}, "meta.1.0", "y"),
        ({"reward_model_ground_truth": "2"}, "reward_model.ground_truth", "2"),
        ({"a": {"b": None}}, "a.b", None),
    ],
)
def test_a_name_leads_into_objects_lists_and_the_text_of_them(
    row: dict[str, Any], name: str, value: object
) -> None:
    found = find(row, name)
    assert found is not None
    assert found.value == value


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"choices": ["a"]}, "choices.1"),
        ({"choices": ["a"]}, "choices.-1"),
        ({"choices": ["a"]}, "choices.²"),
        ({"choices": ["a"]}, "choices.99999999999999999999"),
        ({"meta": "{'gold'"}, "meta.gold"),
        ({"meta": "[" * 5_000}, "meta.0"),
        ({"meta": {"gold": "2"}}, "meta.gold.text"),
        ({"meta": {"gold": "2"}}, ".gold"),
        ({"Answer": 1, "answer ": 2}, "answer"),
        ({"#": 1}, "%"),
        ({}, "a.b.c"),
    ],
)
def test_a_name_that_leads_nowhere_finds_nothing(row: dict[str, Any], name: str) -> None:
    assert find(row, name) is None


def test_names_of_very_many_dots_lead_somewhere_or_nowhere() -> None:
    row: Any = "x"
    for _ in range(90):
        row = {"a": row, "a.b": "y"}
    assert find(row, ".".join("a" * 90)) is not None
    assert find(row, ".".join("a" * 91)) is None
    assert find(row, "." * 1_000) is None


def test_a_line_may_have_a_column_that_the_lines_before_lack() -> None:
    rows = [{"problem": SUM}, {"problem": SUM, "Answer": "2"}, {"problem": SUM, "answer": "3", "Answer": "x"}]
    intake, problems = taken_from(*rows, {"Problem": SUM, "Id": 4})
    assert [problem.answer for problem in problems] == [None, "2", "3", None]
    assert problems[3].id == "4"
    assert intake.mapping == {"id": "Id"}  # the others are not the same in every line
    assert intake.num_with_answer == 2


def test_lines_of_several_datasets_have_each_their_own_columns() -> None:
    chat = [{"role": "user", "content": SUM}]
    rows = [{"question": SUM, "solution": "2"}, {"problem": SUM, "answer": "3"}, {"messages": chat}]
    intake, problems = taken_from(*rows)
    assert [problem.problem for problem in problems] == [SUM] * 3
    assert [problem.answer for problem in problems] == ["2", "3", None]
    assert intake.mapping == {}
    assert names("\n".join(intake.remarks()), "'question'", "'solution'", "'messages'")
    with pytest.raises(InvalidField) as raised:
        taken_from(*rows, {"text": SUM})
    assert raised.value.field == "line 4: question"


def test_an_object_that_is_empty_in_one_row_may_have_the_answer_in_the_next() -> None:
    rows = [{"prompt": SUM, "reward_model": {}}, {"prompt": SUM, "reward_model": {"ground_truth": "2"}}]
    assert [problem.answer for problem in taken_from(*rows)[1]] == [None, "2"]


def test_a_column_that_no_line_has_is_named_at_the_end() -> None:
    assert (
        taken_from({"problem": SUM}, {"problem": SUM, "gold": "2"}, given={"answer": "gold"})[1][1].answer
        == "2"
    )
    with pytest.raises(InvalidField, match=r"'gld'.*'gold'") as raised:
        taken_from({"problem": SUM, "gold": "2"}, {"problem": SUM}, given={"answer": "gld"})
    assert raised.value.field == "--answer"


def test_a_line_without_a_problem_is_named_and_a_table_without_one_is_not_blamed_on_a_row() -> None:
    with pytest.raises(InvalidField) as of_line:
        taken_from({"text": SUM})
    with pytest.raises(InvalidField) as of_table:
        taken_from({"text": SUM}, place="row")
    assert (of_line.value.field, of_table.value.field) == ("line 1: problem", "problem")


def test_a_problem_that_is_none_names_the_users_own_column() -> None:
    with pytest.raises(InvalidField) as raised:
        problem_of({"question": None}, Columns(problem="question"), prefix="row 3: ")
    assert raised.value.field == "row 3: question"


def test_an_object_where_text_is_asked_for_is_refused_with_the_names_in_it() -> None:
    nested = {"text": {"en": SUM}, "by": "x"}
    for field in ("problem", "answer", "id"):
        row = {"problem": SUM} | {field: nested}
        with pytest.raises(InvalidField) as raised:
            problem_of(row, Columns(), prefix="line 1: ")
        assert raised.value.field == f"line 1: {field}"
        assert names(raised.value.reason, f"{field}.text.en", f"{field}.by")
        assert problem_of(row, Columns(**{field: f"{field}.by"})).source == {field: nested}


@pytest.mark.parametrize(
    ("given", "id_"),
    [(7, "7"), (7.0, "7"), ("07", "07"), (True, "true"), (None, None), (" ", None), (2**70, str(2**70))],
)
def test_an_id_is_text_whatever_the_dataset_numbers_with(given: object, id_: str | None) -> None:
    assert problem_of({"problem": SUM, "id": given}, Columns()).id == id_


def test_numbers_that_are_the_same_id_are_said_to_repeat() -> None:
    intake, _ = taken_from(*({"problem": SUM, "answer": "2", "ID": each} for each in (1, "1", 1.0)))
    assert names(intake.remarks()[-1], "'1'", "line 1", "line 2", "1 more")
