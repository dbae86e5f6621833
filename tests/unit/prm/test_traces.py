"""Which sequences a trace takes, what is asked at each of their places, and what has none."""

from __future__ import annotations

from collections.abc import Collection

from specreason.prm.protocol import Encoded, Marked
from specreason.prm.traces import Asked, Plan, Step, plan

STEPS = (
    Step(index=0, text="one\n\n"),
    Step(index=1, text="two\n\n", draft="2?\n\n"),
    Step(index=2, text="\n\n"),
    Step(index=3, text="three</think>", draft="</think>"),
)
KEPT = [Asked(index) for index in range(4)]
DRAFTS = [Asked(1, is_draft=True), Asked(3, is_draft=True)]
PROBLEM = "P"


def encode(text: Marked) -> Encoded:
    """A token for each character."""
    return Encoded(tuple(map(ord, text.text)), text.tags)


def planned(wanted: Collection[Asked], *, most: int = 1000) -> Plan:
    return plan(PROBLEM, STEPS, wanted, encode, most)


def texts(found: Plan) -> list[str]:
    return ["".join(map(chr, each.encoded.ids)) for each in found.askings]


def test_all_kept_steps_take_one_sequence_and_each_draft_one_behind_what_was_kept() -> None:
    found = planned([*KEPT, *DRAFTS])
    assert texts(found) == [
        "P Step 1: one ки\nStep 2: two ки\nStep 3: three к",
        "P Step 1: one ки\nStep 2: 2? к",
    ]
    assert [each.asked for each in found.askings] == [(Asked(0), Asked(1), Asked(3)), (DRAFTS[0],)]
    assert [len(each.encoded.places) for each in found.askings] == [3, 1]
    assert (found.too_long, set(found.empty)) == ((), {Asked(2), DRAFTS[1]})


def test_what_is_not_wanted_is_read_but_not_asked_for() -> None:
    found = planned([Asked(1)])
    assert texts(found) == ["P Step 1: one ки\nStep 2: two к"]
    assert [each.asked for each in found.askings] == [(Asked(1),)]
    assert found.askings[0].encoded.places == (len("P Step 1: one ки\nStep 2: two "),)
    assert planned([]) == Plan((), (), ())


def test_what_stands_behind_the_end_of_the_context_has_no_score_and_the_rest_has() -> None:
    """The last token that fits is that of the second tag."""
    most = len("P Step 1: one ки\nStep 2: two к")
    found = planned([*KEPT, *DRAFTS], most=most)
    assert found.too_long == (Asked(3),)
    assert [each.asked for each in found.askings] == [(Asked(0), Asked(1)), (DRAFTS[0],)]
    assert max(len(each.encoded.ids) for each in found.askings) == most
    none = planned([*KEPT, *DRAFTS], most=5)
    assert (none.askings, set(none.too_long)) == ((), {Asked(0), Asked(1), Asked(3), DRAFTS[0]})


def test_the_draft_of_a_step_that_has_no_score_has_none_for_they_are_stored_together() -> None:
    steps = (Step(index=0, text="</think>", draft="one"), Step(index=1, text="two two", draft="2"))
    drafts = [Asked(0, is_draft=True), Asked(1, is_draft=True)]
    wanted = [Asked(0), Asked(1), *drafts]
    found = plan(PROBLEM, steps, wanted, encode, len("P Step 1: 2 к"))
    assert (found.askings, found.too_long, found.empty) == ((), (Asked(1), drafts[1]), (Asked(0), drafts[0]))
    # One whose step has its score already is scored.
    later = plan(PROBLEM, steps, drafts, encode, len("P Step 1: 2 к"))
    assert [each.asked for each in later.askings] == [(drafts[1],)]
