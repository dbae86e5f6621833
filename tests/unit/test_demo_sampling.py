"""The cached sampler must write what a plain forward pass would."""

import torch

from specreason.demo.model import Llama, ModelConfig, grow
from specreason.demo.sampling import Prefixes, pad, sample

SMALL = ModelConfig(vocab=40, layers=2, width=64, inner=96)


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


def test_growing_by_one_changes_nothing_and_by_four_keeps_most_of_the_direction() -> None:
    torch.manual_seed(0)
    model = Llama(SMALL)
    ids, positions = torch.tensor([[1, 2, 3, 4]]), torch.arange(4)[None]
    mask = torch.ones(4, 4, dtype=torch.bool).tril()[None, None]
    before = model(ids, positions, mask)
    assert torch.allclose(grow(model, 1)(ids, positions, mask), before, atol=1e-6)
    after = grow(model, 4)(ids, positions, mask)
    assert torch.cosine_similarity(after.flatten(), before.flatten(), dim=0) > 0.8
