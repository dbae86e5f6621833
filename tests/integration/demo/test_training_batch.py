"""Training sequences: what a branch sees, and what is learned where."""

import random
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from specreason import demo
from specreason.demo.exercises import exercises
from specreason.demo.main_lines import Codec, Recipe, write_main
from specreason.demo.tokenizer import JUDGE_SUFFIX, prompt_text, train_tokenizer
from specreason.demo.training_batch import make_batch


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec(train_tokenizer())


def test_the_template_renders_what_training_saw(codec: Codec) -> None:
    exercise = next(exercises(1, held_out=True)).text
    rendered = train_tokenizer().apply_chat_template(
        [{"role": "user", "content": exercise}], add_generation_prompt=True, tokenize=False
    )
    assert rendered == prompt_text(exercise)


def test_digits_the_judge_marker_and_the_end_of_a_step_are_single_tokens(codec: Codec) -> None:
    assert len(set(codec.digits)) == 10
    assert len(codec.encode([JUDGE_SUFFIX])[0]) == 1
    assert len(codec.step_stops) == 3
    for text in ("∑ é 日本 \t x", "Step A: 47 plus 8 is 55.\n\n"):
        assert codec.decode(codec.encode([text])) == [text]


def test_a_branch_sees_its_prefix_and_itself_and_nothing_else(codec: Codec) -> None:
    rng = random.Random(0)
    recipe = Recipe(candidates=1)
    line = write_main(next(exercises(2, held_out=False)), recipe, codec, rng)
    batch = make_batch([line], recipe, codec, rng)
    mask = batch.mask[0, 0]
    for _, column, grade, origin in batch.kinds:
        assert batch.ids[0, column] == codec.judge[0]
        assert batch.judge_target[0, column] == codec.digits[grade.score]
        seen = mask[column].nonzero().flatten()
        positions = batch.positions[0, seen]
        # Exactly one token at each position up to the marker: what inference would have in its context.
        assert positions.tolist() == list(range(int(batch.positions[0, column]) + 1))
        if origin == "main":
            assert (seen[:-1] < len(line.ids)).all()


def test_slips_are_read_but_not_learned(codec: Codec) -> None:
    rng = random.Random(4)
    recipe = Recipe(slipped=1.0, terse=0.0)
    for exercise in [next(exercises(seed, held_out=False)) for seed in range(10)]:
        line = write_main(exercise, recipe, codec, rng)
        assert any(not v.right for v in line.grades)
        for point, end, grade in zip(line.points, line.ends, line.grades, strict=True):
            learned = [t != -100 for t in line.targets[point.offset - 1 : end - 1]]
            assert all(learned) if grade.right else not any(learned)


def test_a_seed_makes_the_same_batch(codec: Codec) -> None:
    recipe = Recipe(candidates=2)

    def batch() -> torch.Tensor:
        rng = random.Random(9)
        lines = [
            write_main(p, recipe, codec, rng) for p in [next(exercises(s, held_out=False)) for s in range(3)]
        ]
        return make_batch(lines, recipe, codec, rng).ids

    assert torch.equal(batch(), batch())


@pytest.mark.parametrize("role", ["base", "drafter"])
def test_the_tokenizer_is_the_one_the_committed_weights_were_trained_with(codec: Codec, role: str) -> None:
    folder = Path(demo.__file__).parent / "pair" / role
    assert PreTrainedTokenizerFast.from_pretrained(folder).get_vocab() == train_tokenizer().get_vocab()
