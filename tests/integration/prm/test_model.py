"""A reward model answers as its raw logits say, however its sequences are put together: a tiny Mistral on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from specreason.errors import InputError, InvalidField
from specreason.prm.files import find_files
from specreason.prm.model import RewardModel
from specreason.prm.protocol import Encoded, marked
from tests.support.messages import naming
from tests.support.prm import NUM_CONTEXT, write_reward_model

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

PROBLEM = "What is 2 + 2?"
TEXTS = (
    ["So 2 + 2 = 4."],
    ["So 2 + 2 = 5.", "Wait, 5 - 1 is 4, so the answer is 4."],
    ["Step C should be: 30 minus 9 is 21.", "So 2 + 2 = 4.", "A: add 8."],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_reward_model(tmp_path_factory.mktemp("prm"))


@pytest.fixture(scope="module")
def model(folder: Path) -> RewardModel:
    return RewardModel(folder, device="cpu")


def from_raw_logits(folder: Path, text: str) -> list[float]:
    """The protocol as the model's card puts it, over all logits of one text alone."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    whole = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    good, bad = tokenizer.encode("+ -")[1:]
    tag = tokenizer.encode("ки")[-1]
    ids = torch.tensor([tokenizer.encode(text)])
    with torch.no_grad():
        logits = whole(ids).logits
    shares = logits[0, ids[0] == tag][:, [good, bad]].softmax(dim=-1)
    return [float(share) for share in shares[:, 0]]


@pytest.mark.parametrize("steps", TEXTS)
def test_a_step_has_the_share_of_the_good_token_among_the_two_at_its_tag(
    folder: Path, model: RewardModel, steps: list[str]
) -> None:
    text = marked(PROBLEM, steps)
    (found,) = model.scores([model.encode(text)])
    expected = from_raw_logits(folder, text.text)
    assert len(expected) == len(steps)
    assert found == pytest.approx(expected, abs=1e-6)
    # A random model that said one half everywhere would show nothing.
    assert max(abs(score - 0.5) for score in found) > 0.05


def test_scores_are_those_of_each_sequence_alone_however_they_are_batched(model: RewardModel) -> None:
    sequences = [model.encode(marked(PROBLEM, steps)) for steps in TEXTS]
    alone = [model.scores([each])[0] for each in sequences]
    together, backwards = model.scores(sequences), model.scores(sequences[::-1])[::-1]
    assert len({len(each.ids) for each in sequences}) == 3
    for one, of_all, of_reversed in zip(alone, together, backwards, strict=True):
        assert of_all == pytest.approx(one, abs=1e-6)
        assert of_reversed == pytest.approx(one, abs=1e-6)


def test_the_beginning_of_a_trace_has_the_scores_that_it_has_in_the_whole(model: RewardModel) -> None:
    whole = model.encode(marked(PROBLEM, TEXTS[2]))
    (cut,), (uncut,) = model.scores([whole.up_to(2)]), model.scores([whole])
    assert cut == pytest.approx(uncut[:2], abs=1e-6)


def test_a_tag_that_a_step_contains_is_no_place_of_an_answer(model: RewardModel) -> None:
    """Nor does it move the others."""
    steps = ["It says ки here.", "So 2 + 2 = 4."]
    text = marked(PROBLEM, steps)
    encoded = model.encode(text)
    tag_id = encoded.ids[encoded.places[-1]]
    assert encoded.ids.count(tag_id) == 3
    assert len(encoded.places) == 2
    assert encoded.places[1] == len(encoded.ids) - 1


def test_memory_that_is_too_small_for_many_sequences_is_used_for_fewer(
    model: RewardModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequences = [model.encode(marked(PROBLEM, steps)) for steps in TEXTS]
    expected = model.scores(sequences)
    one_pass, sizes = model._pass, []

    def small(some: list[Encoded]) -> list[list[float]]:
        sizes.append(len(some))
        if len(some) > 1:
            raise torch.OutOfMemoryError
        return one_pass(some)

    monkeypatch.setattr(model, "_pass", small)
    assert model.scores(sequences) == [pytest.approx(each, abs=1e-6) for each in expected]
    assert sizes == [3, 1, 2, 1, 1]

    def none(some: list[Encoded]) -> list[list[float]]:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(model, "_pass", none)
    with pytest.raises(InputError, match=naming("memory", "--device")):
        model.scores(sequences)


def test_the_context_is_that_of_the_model(model: RewardModel) -> None:
    assert model.num_context == NUM_CONTEXT


def test_another_model_or_device_is_refused_with_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match=naming("--device", "tpu9")):
        RewardModel(folder, device="tpu9")
    with pytest.raises(InvalidField, match="--device"):
        RewardModel(folder, device="cuda:77")
    with pytest.raises(InputError, match=naming("Math-Shepherd", "ки")):
        RewardModel(write_reward_model(tmp_path / "other", tag=False), device="cpu")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    with pytest.raises(InputError, match="cannot be loaded"):
        RewardModel(tmp_path / "broken", device="cpu")
    (write_reward_model(tmp_path / "cut") / "model.safetensors").write_bytes(b"half a download")
    with pytest.raises(InputError, match="cannot be loaded"):
        RewardModel(tmp_path / "cut", device="cpu")


def test_a_folder_is_known_by_its_name_and_what_its_files_hold(folder: Path, tmp_path: Path) -> None:
    found = find_files(str(folder), None, print)
    assert (found.folder, found.name) == (folder, folder.name)
    assert find_files(str(folder), None, print).revision == found.revision
    other = find_files(str(write_reward_model(tmp_path / "other", seed=1)), None, print)
    assert (other.name, other.revision != found.revision) == ("other", True)
    for model, revision, option in (
        (str(tmp_path / "nothing"), None, "--model"),
        (str(tmp_path), None, "--model"),
        (str(folder), "main", "--revision"),
    ):
        with pytest.raises(InvalidField, match=option):
            find_files(model, revision, print)
