"""The padded copy on disk: its rows, its files, and what happens where it cannot be written."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from specreason.cli.checks.speculation import check_speculation
from specreason.engines.base import Role
from specreason.engines.fingerprint import fingerprint
from specreason.engines.padded import drafter, write
from specreason.engines.padded.drafter import PaddedDrafter, plan_padded_drafter
from specreason.engines.padded.rows import RowMap
from specreason.engines.padded.write import in_the_bases_places, ready_padded_drafter, write_padded_drafter
from specreason.errors import InputError
from specreason.pairs import PairConfig
from specreason.planning.needs import GIB
from tests.support.messages import names, naming
from tests.support.workers.unequal import (
    BASE_ROWS,
    DRAFTER_ROWS,
    NUM_ORDINARY,
    ONLY_OF_THE_BASE,
    ONLY_OF_THE_DRAFTER,
    SHAPE,
    unequal_pair,
)

EMBEDDING, LM_HEAD = "model.embed_tokens.weight", "lm_head.weight"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PairConfig:
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "cache"))
    return unequal_pair(tmp_path)


def planned(pair: PairConfig) -> PaddedDrafter:
    copy = plan_padded_drafter(pair)
    assert copy is not None
    return copy


def written(pair: PairConfig) -> Path:
    copy = planned(pair)
    write_padded_drafter(copy)
    assert list(copy.folder.parent.glob("*.part")) == []
    return copy.folder


def tokens_of(pair: PairConfig, role: Role) -> dict[str, int]:
    vocabulary: dict[str, int] = Tokenizer.from_file(f"{pair.model(role).model}/tokenizer.json").get_vocab()
    return vocabulary


def drafter_files(pair: PairConfig) -> Path:
    return Path(pair.drafter.model)


def rewrite_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("tensor", [EMBEDDING, LM_HEAD])
def test_each_token_that_both_have_has_the_drafters_row_under_the_bases_id(
    pair: PairConfig, tensor: str
) -> None:
    own = load_file(drafter_files(pair) / WEIGHTS)[tensor]
    copied = load_file(written(pair) / WEIGHTS)[tensor]
    base, drafter = tokens_of(pair, Role.BASE), tokens_of(pair, Role.DRAFTER)
    assert base["</think>"] != drafter["</think>"]
    assert copied.shape == (BASE_ROWS, SHAPE.width)
    for token in base.keys() & drafter.keys():
        assert torch.equal(copied[base[token]], own[drafter[token]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shift", [-2.0, 0.0, 2.0])
def test_the_likeliest_token_of_a_copy_is_never_one_that_the_drafter_lacks(
    dtype: torch.dtype, shift: float
) -> None:
    """`shift` moves all logits: below zero, rows of zeros would win every time."""
    random = torch.Generator().manual_seed(3)
    hidden = torch.randn(2000, 64, generator=random).abs()
    own = (torch.randn(DRAFTER_ROWS, 64, generator=random) + shift).to(dtype)
    known = range(DRAFTER_ROWS - 4)
    rows = RowMap(num_rows=BASE_ROWS, row_of={i: i for i in known}, ordinary=tuple(range(NUM_ORDINARY)))
    copied = in_the_bases_places(own, rows)
    assert copied.dtype == dtype
    assert (hidden.to(dtype) @ copied.T).argmax(dim=-1).max() < len(known)
    zeros = copied.clone()
    zeros[len(known) :] = 0
    wins = (hidden.to(dtype) @ zeros.T).argmax(dim=-1) >= len(known)
    assert wins.all() if shift < 0 else not wins.any()


def test_a_token_that_one_of_the_models_lacks_is_the_mean_of_the_ordinary_ones(pair: PairConfig) -> None:
    own = load_file(drafter_files(pair) / WEIGHTS)[LM_HEAD]
    copied = load_file(written(pair) / WEIGHTS)[LM_HEAD]
    base, drafter = tokens_of(pair, Role.BASE), tokens_of(pair, Role.DRAFTER)
    special = [base[token] for token in ("<|bos|>", "<|eos|>", "<|user|>", "<|assistant|>")]
    ordinary = sorted(set(range(NUM_ORDINARY)) - set(special))
    mean = own[ordinary].mean(dim=0)
    for row in (base[ONLY_OF_THE_BASE], max(base.values()) + 1, BASE_ROWS - 1):
        assert torch.allclose(copied[row], mean)
    lost = own[drafter[ONLY_OF_THE_DRAFTER]]
    assert not (copied == lost).all(dim=1).any()


def test_all_else_is_the_drafters_own(pair: PairConfig) -> None:
    folder = written(pair)
    own, copied = (load_file(each / WEIGHTS) for each in (drafter_files(pair), folder))
    assert own.keys() == copied.keys()
    for name in own.keys() - {EMBEDDING, LM_HEAD}:
        assert torch.equal(own[name], copied[name])
    before, after = (json.loads((each / "config.json").read_text()) for each in (drafter_files(pair), folder))
    assert after["vocab_size"] == BASE_ROWS
    assert after["eos_token_id"] is None
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed <= {"vocab_size", "bos_token_id", "eos_token_id", "pad_token_id"}


def test_tied_embeddings_stay_tied(pair: PairConfig) -> None:
    path = drafter_files(pair) / WEIGHTS
    tensors = load_file(path)
    del tensors[LM_HEAD]
    save_file(tensors, path)
    rewrite_config(drafter_files(pair), tie_word_embeddings=True)
    copied = load_file(written(pair) / WEIGHTS)
    assert LM_HEAD not in copied
    assert copied[EMBEDDING].shape[0] == BASE_ROWS


def test_weights_in_several_files_stay_in_them(pair: PairConfig) -> None:
    folder = drafter_files(pair)
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    files = {name: "b.safetensors" if name == LM_HEAD else "a.safetensors" for name in tensors}
    for file in set(files.values()):
        save_file({name: tensor for name, tensor in tensors.items() if files[name] == file}, folder / file)
    save_file({EMBEDDING: torch.zeros(3, 3)}, folder / "not-in-the-index.safetensors")
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": files}))
    copy = written(pair)
    assert {path.name for path in copy.iterdir()} == {"a.safetensors", "b.safetensors", INDEX, "config.json"}
    assert load_file(copy / "b.safetensors")[LM_HEAD].shape[0] == BASE_ROWS
    assert load_file(copy / "a.safetensors")[EMBEDDING].shape[0] == BASE_ROWS


def test_a_drafter_with_more_rows_than_the_base_loses_those_that_the_base_has_not(pair: PairConfig) -> None:
    swapped = pair.model_copy(update={"base": pair.drafter, "drafter": pair.base})
    copied = load_file(written(swapped) / WEIGHTS)
    assert copied[EMBEDDING].shape[0] == copied[LM_HEAD].shape[0] == DRAFTER_ROWS


def test_a_pair_without_speculation_or_with_one_vocabulary_needs_no_copy(pair: PairConfig) -> None:
    assert plan_padded_drafter(pair.model_copy(update={"speculation": None})) is None
    same = pair.model_copy(update={"drafter": pair.base})
    assert plan_padded_drafter(same) is None
    assert ready_padded_drafter(same) is None


def test_the_size_that_is_announced_is_that_of_the_files(pair: PairConfig) -> None:
    copy = planned(pair)
    folder = written(pair)
    assert copy.num_bytes == pytest.approx(sum(path.stat().st_size for path in folder.iterdir()), rel=0.01)


def test_the_name_and_the_fingerprint_of_a_copy_change_with_its_source_and_its_rule(
    pair: PairConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def named(copy: PaddedDrafter | None) -> str:
        folders = {role: Path(pair.model(role).model) for role in Role}
        return fingerprint(pair, folders, "Score: ", dict.fromkeys(Role), padded=copy)

    first = planned(pair)
    assert planned(pair) == first
    assert first.folder.name.startswith(f"drafter-{BASE_ROWS}-")
    fingerprints = {named(copy) for copy in (first, None)}
    with monkeypatch.context() as patch:
        patch.setattr(drafter, "RULE", drafter.RULE + 1)
        fingerprints.add(named(planned(pair)))
        assert planned(pair).folder != first.folder
    path = drafter_files(pair) / WEIGHTS
    save_file({name: tensor + 1 for name, tensor in load_file(path).items()}, path)
    fingerprints.add(named(planned(pair)))
    assert planned(pair).folder != first.folder
    assert len(fingerprints) == 4


def test_workers_that_start_at_once_write_one_copy(pair: PairConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    writings = []
    write_files = write._write

    def counted(copy: PaddedDrafter) -> None:
        writings.append(copy)
        write_files(copy)

    monkeypatch.setattr(write, "_write", counted)
    with ThreadPoolExecutor(4) as workers:
        copies = list(workers.map(ready_padded_drafter, [pair] * 4))
    assert {copy and copy.folder for copy in copies} == {copy.folder for copy in writings}
    assert len(writings) == 1


def test_what_a_killed_worker_left_is_no_copy_and_is_replaced(pair: PairConfig) -> None:
    copy = planned(pair)
    left = copy.folder.parent / f"{copy.folder.name}.part"
    left.mkdir(parents=True)
    (left / "half.safetensors").write_bytes(b"half")
    assert not copy.is_written
    assert {path.name for path in written(pair).iterdir()} == {WEIGHTS, "config.json"}


def test_a_failure_in_the_middle_leaves_nothing(pair: PairConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(matrix: object, rows: RowMap) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "in_the_bases_places", full)
    copy = planned(pair)
    with pytest.raises(InputError, match=naming("No space left on device", "HF_HOME", "GiB")):
        write_padded_drafter(copy)
    assert {path.name for path in copy.folder.parent.iterdir()} == {"lock"}


def test_a_disk_without_room_is_named_before_anything_is_written(
    pair: PairConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = planned(pair)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(InputError, match=naming("HF_HOME", copy.folder.parent, "GiB")):
        write_padded_drafter(copy)
    assert not copy.is_written
    finding = check_speculation(pair)
    assert (finding.status, names(finding.remedy, "HF_HOME")) == ("fail", True)


def test_the_doctor_says_that_a_copy_will_be_written_its_size_and_later_where_it_lies(
    pair: PairConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = planned(pair)
    before = check_speculation(pair)
    size = f"{copy.num_bytes / GIB:.1f} GiB"
    assert (before.status, names(before.found, size, copy.folder.parent)) == ("warn", True)
    write_padded_drafter(copy)
    after = check_speculation(pair)
    assert (after.status, names(after.found, copy.folder)) == ("ok", True)
    absent = pair.model_copy(update={"base": pair.base.model_copy(update={"model": "nobody/base"})})
    assert check_speculation(absent).status == "warn"


def test_the_doctor_refuses_models_that_cut_text_differently(pair: PairConfig) -> None:
    path = drafter_files(pair) / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    ids = tokenizer["model"]["vocab"]
    ids["a"], ids["b"] = ids["b"], ids["a"]
    path.write_text(json.dumps(tokenizer))
    finding = check_speculation(pair)
    assert (finding.status, names(finding.found, "'a'", f"token {ids['a']}")) == ("fail", True)


@pytest.mark.parametrize(
    ("spoil", "facts"),
    [
        (
            lambda folder: rewrite_config(folder, vocab_size=DRAFTER_ROWS + 1),
            (WEIGHTS, DRAFTER_ROWS, DRAFTER_ROWS + 1),
        ),
        (lambda folder: (folder / "config.json").write_text("{}"), ("config.json", "vocab_size")),
        (lambda folder: (folder / "config.json").unlink(), ("config.json",)),
        (lambda folder: (folder / WEIGHTS).unlink(), ("embed_tokens.weight",)),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"no weights"), (WEIGHTS,)),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), ("tokenizer.json",)),
        (
            lambda folder: save_file(
                {EMBEDDING: torch.zeros(DRAFTER_ROWS, 8, dtype=torch.int8)}, folder / WEIGHTS
            ),
            ("I8",),
        ),
    ],
)
def test_a_drafter_whose_files_are_not_as_expected_is_refused_by_the_file(pair, spoil, facts) -> None:
    spoil(drafter_files(pair))
    with pytest.raises(InputError, match=naming(*facts)):
        plan_padded_drafter(pair)
