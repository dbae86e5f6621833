"""The cached sampler must write what a plain forward pass would."""

from pathlib import Path

import torch

from specreason.demo.model import Llama, LlamaShape, spread, with_layers_on_top, without_layers
from specreason.demo.model_files import export, load_exported
from specreason.demo.sampling import Prefixes, pad, sample

SMALL = LlamaShape(vocab=40, layers=2, width=64, inner=96)


def plain(model: Llama, prefix: list[int], num: int) -> list[int]:
    ids = list(prefix)
    for _ in range(num):
        x = torch.tensor([ids])
        n = len(ids)
        mask = torch.ones(n, n, dtype=torch.bool).tril()[None, None]
        with torch.no_grad():
            ids.append(int(model.head(model(x, torch.arange(n)[None], mask))[0, -1].argmax()))
    return ids[len(prefix) :]


def test_sampling_from_prefixes_of_shared_rows_equals_plain_decoding() -> None:
    torch.manual_seed(0)
    model = Llama(SMALL)
    rows = [[1, 2, 3, 4, 5, 6, 7], [9, 8, 7]]
    prefixes = Prefixes(pad(rows), torch.tensor([0, 0, 1]), torch.tensor([7, 4, 3]))
    got = sample(model, prefixes, 6, set(), 0.0, torch.Generator())
    assert got == [plain(model, rows[0], 6), plain(model, rows[0][:4], 6), plain(model, rows[1], 6)]


def test_a_stop_token_is_kept_and_ends_the_row() -> None:
    torch.manual_seed(0)
    model = Llama(SMALL)
    row = [1, 2, 3]
    free = plain(model, row, 6)
    prefixes = Prefixes(pad([row]), torch.tensor([0]), torch.tensor([3]))
    got = sample(model, prefixes, 6, {free[2]}, 0.0, torch.Generator())
    assert got == [free[: free.index(free[2]) + 1]]


def test_spreading_layers_over_two_and_adding_layers_on_top_change_nothing_at_first() -> None:
    torch.manual_seed(0)
    model = Llama(SMALL)
    ids, positions = torch.tensor([[1, 2, 3, 4]]), torch.arange(4)[None]
    mask = torch.ones(4, 4, dtype=torch.bool).tril()[None, None]
    before = model(ids, positions, mask)
    assert torch.allclose(with_layers_on_top(model, 1)(ids, positions, mask), before, atol=1e-5)
    deep = spread(model)
    assert deep.shape.layers == 4
    assert torch.allclose(deep(ids, positions, mask), before, atol=1e-5)
    for layer in range(4):
        assert not torch.allclose(without_layers(deep, {layer})(ids, positions, mask), before, atol=1e-2)


def test_an_exported_folder_reads_back(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Llama(SMALL)
    export(model, tmp_path)
    again = load_exported(tmp_path)
    for name in ("embed.weight", "blocks.1.qkv.weight", "blocks.0.gate_up.weight", "norm"):
        assert torch.allclose(again.state_dict()[name], model.state_dict()[name], atol=1e-2)
