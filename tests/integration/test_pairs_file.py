"""Wrong files of pairs: a refusal names the file and the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from specreason.errors import InputError
from specreason.pairs import load_pairs

A_MODEL = 'model = "m", max_model_len = 512, kv_cache_memory_bytes = 1048576'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[mine\n", "TOML"),
        ("[mine]\njudge_suffix = 'x'\n", "mine.base"),
        (
            f"[mine]\njudge_suffix = 'x'\ncolour = 1\nbase = {{ {A_MODEL} }}\ndrafter = {{ {A_MODEL} }}",
            "mine.colour",
        ),
        (
            f"[mine]\njudge_suffix = ''\nbase = {{ {A_MODEL} }}\ndrafter = {{ {A_MODEL} }}",
            "mine.judge_suffix",
        ),
        ("mine = 3", "mine"),
        (
            f'[mine]\nbase = {{ {A_MODEL}, engine_args = {{ max_num_batched_tokens = "8k" }} }}\n'
            f"drafter = {{ {A_MODEL} }}",
            "mine.base.engine_args: max_num_batched_tokens must be a whole number above 0, not '8k'",
        ),
        (
            f"[mine]\nbase = {{ {A_MODEL} }}\n"
            f"drafter = {{ {A_MODEL}, engine_args = {{ max_num_batched_tokens = true }} }}",
            "mine.drafter.engine_args: max_num_batched_tokens",
        ),
        (
            f"[mine]\nbase = {{ {A_MODEL}, engine_args = {{ quantization = 8 }} }}\ndrafter = {{ {A_MODEL} }}",
            "mine.base.engine_args: quantization must be a string, not 8",
        ),
    ],
)
def test_a_wrong_pairs_file_is_refused_with_file_and_key(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "my-pairs.toml"
    path.write_text(text)
    with pytest.raises(InputError, match="my-pairs") as caught:
        load_pairs(path)
    assert says in str(caught.value)


def test_folders_beside_the_pairs_file_are_absolute_wherever_it_is_named_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "my-pairs.toml").write_text(f"[mine]\nbase = {{ {A_MODEL} }}\ndrafter = {{ {A_MODEL} }}\n")
    monkeypatch.chdir(tmp_path)
    assert load_pairs(Path("my-pairs.toml"))["mine"].base.folder == tmp_path / "m"
