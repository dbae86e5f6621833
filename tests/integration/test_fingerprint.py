"""What a pair's fingerprint is made of, and what is remembered of files that were hashed before."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from specreason.engines import fingerprint as module
from specreason.engines.base import Role
from specreason.engines.fingerprint import GivenUp, file_hashes, fingerprint
from specreason.pairs import ModelConfig, PairConfig

OF_THE_HUB = ModelConfig(model="nobody/model", revision="main", max_model_len=512)
PAIR = PairConfig(base=OF_THE_HUB, drafter=OF_THE_HUB)
TEMPLATES = dict.fromkeys(Role, "{{ a_template }}")


def fingerprint_of(pair: PairConfig, folders: Mapping[Role, Path]) -> str:
    return fingerprint(pair, folders, "Score: ", TEMPLATES)


def snapshot(cache: Path, commit: str, *files: str) -> dict[Role, Path]:
    """A folder of the hub's cache with these files, for both roles."""
    folder = cache / "models--nobody--model" / "snapshots" / commit
    folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        (folder / name).write_text(name)
    return dict.fromkeys(Role, folder)


def test_a_model_of_the_hub_is_known_by_its_commit_from_the_first_start_on(tmp_path: Path) -> None:
    first = fingerprint_of(PAIR, snapshot(tmp_path, "a" * 40, "tokenizer.json"))
    assert fingerprint_of(PAIR, snapshot(tmp_path, "a" * 40, "config.json", "model.safetensors")) == first
    assert fingerprint_of(PAIR, snapshot(tmp_path, "b" * 40, "tokenizer.json")) != first


def test_a_folder_called_like_a_model_of_the_hub_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = snapshot(tmp_path / "cache", "a" * 40, "tokenizer.json")
    first = fingerprint_of(PAIR, folders)
    (tmp_path / OF_THE_HUB.model).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert fingerprint_of(PAIR, folders) == first


def test_arguments_of_vllm_are_part_of_it_in_any_order(tmp_path: Path) -> None:
    folders = snapshot(tmp_path, "a" * 40)

    def with_arguments(**engine_args: object) -> str:
        base = OF_THE_HUB.model_copy(update={"engine_args": engine_args})
        return fingerprint_of(PAIR.model_copy(update={"base": base}), folders)

    assert with_arguments(quantization="fp8", seed=1) == with_arguments(seed=1, quantization="fp8")
    assert (
        len({with_arguments(), with_arguments(quantization="fp8"), with_arguments(quantization="awq")}) == 3
    )
    assert with_arguments() == fingerprint_of(PAIR, folders)


def test_a_local_model_is_known_by_what_is_in_its_files(tmp_path: Path) -> None:
    model = OF_THE_HUB.model_copy(update={"model": str(tmp_path)})
    pair, folders = PairConfig(base=model, drafter=model), dict.fromkeys(Role, tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_text("one")
    first = fingerprint_of(pair, folders)
    weights.write_text("two")
    assert fingerprint_of(pair, folders) != first
    weights.write_text("one")
    assert fingerprint_of(pair, folders) == first


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read, in order. Every file is large enough to be remembered."""
    read: list[str] = []
    really_hash = module._hash_of

    def hash_of(path: Path, given_up: object) -> str:
        read.append(path.name)
        return really_hash(path, given_up)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_hash_of", hash_of)
    monkeypatch.setattr(module, "REMEMBERED_BYTES", 1)
    return read


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path in paths:
        path.write_text(path.name)
    return paths


def expected(paths: list[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def test_a_large_file_is_read_once(tmp_path: Path, files: list[Path], hashed: list[str]) -> None:
    memory = tmp_path / "cache" / "weights.json"
    for _ in range(2):
        assert file_hashes(files, memory=memory) == expected(files)
    assert hashed == ["a.safetensors", "b.safetensors"]


def test_a_file_of_another_size_or_time_is_read_again(
    tmp_path: Path, files: list[Path], hashed: list[str]
) -> None:
    memory = tmp_path / "weights.json"
    file_hashes(files, memory=memory)
    files[0].write_text("longer than before")
    files[1].write_text("B.safetensors")
    os.utime(files[1], ns=(1, 1))
    hashed.clear()
    assert file_hashes(files, memory=memory) == expected(files)
    assert hashed == ["a.safetensors", "b.safetensors"]


def test_a_file_whose_time_was_set_back_and_one_that_took_its_place_are_read_again(
    tmp_path: Path, files: list[Path], hashed: list[str]
) -> None:
    memory = tmp_path / "weights.json"
    file_hashes(files, memory=memory)
    times = [path.stat().st_mtime_ns for path in files]
    files[0].write_text("A.safetensors")
    (tmp_path / "other").write_text("B.safetensors")
    (tmp_path / "other").replace(files[1])
    for path, time in zip(files, times, strict=True):
        os.utime(path, ns=(time, time))
    hashed.clear()
    assert file_hashes(files, memory=memory) == expected(files)
    assert hashed == ["a.safetensors", "b.safetensors"]


def test_two_folders_whose_files_are_one_share_what_is_remembered(
    tmp_path: Path, files: list[Path], hashed: list[str]
) -> None:
    memory, link = tmp_path / "weights.json", tmp_path / "link.safetensors"
    link.symlink_to(files[0])
    assert len(set(file_hashes([files[0], link], memory=memory))) == 1
    hashed.clear()
    file_hashes([link], memory=memory)
    assert hashed == []


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"/a": 3}', '{"/a": [1, 2]}', "\x00"])
def test_a_memory_that_cannot_be_read_remembers_nothing_and_is_written_anew(
    tmp_path: Path, files: list[Path], hashed: list[str], text: str
) -> None:
    memory = tmp_path / "weights.json"
    memory.write_text(text)
    assert file_hashes(files, memory=memory) == expected(files)
    hashed.clear()
    file_hashes(files, memory=memory)
    assert hashed == []


def test_where_nothing_can_be_kept_every_file_is_read(
    tmp_path: Path, files: list[Path], hashed: list[str]
) -> None:
    (tmp_path / "a-file").touch()
    for _ in range(2):
        assert file_hashes(files, memory=tmp_path / "a-file" / "weights.json") == expected(files)
    assert len(hashed) == 4


def test_a_full_disk_is_no_error_and_leaves_nothing_behind(
    tmp_path: Path, files: list[Path], hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> int:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    memory = tmp_path / "cache" / "weights.json"
    assert file_hashes(files, memory=memory) == expected(files)
    assert list(memory.parent.iterdir()) == []


def test_files_that_are_gone_are_forgotten(tmp_path: Path, files: list[Path], hashed: list[str]) -> None:
    memory = tmp_path / "weights.json"
    file_hashes(files[:1], memory=memory)
    files[0].unlink()
    file_hashes(files[1:], memory=memory)
    assert "a.safetensors" not in memory.read_text()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tmp")] == []


def test_a_small_file_is_not_worth_remembering(tmp_path: Path, files: list[Path]) -> None:
    file_hashes(files, memory=tmp_path / "weights.json")
    assert not (tmp_path / "weights.json").exists()


def test_hashing_ends_soon_after_nobody_waits_for_it(files: list[Path]) -> None:
    with pytest.raises(GivenUp):
        file_hashes(files, lambda: True)
