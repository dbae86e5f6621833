"""Seconds of a model's forwards on its cards: the roofline model.

A forward reads every weight once, whatever the number of tokens in it, and the keys and values of every sequence. It
computes two operations for each weight and token. The longer of the two times counts: memory's up to some 200 tokens on
an A6000 or H200, where a verdict is nearly free, and the arithmetic's from there on. Tensor parallelism divides both,
and costs two all-reduces a layer. The host adds a constant.

Nothing of this was measured on a GPU by us. No engine reaches what a data sheet says, so that each question has two
answers, one at the pace FAST and one at SLOW.
"""

from __future__ import annotations

from dataclasses import dataclass

from specreason.errors import InputError
from specreason.planning.cards import Card
from specreason.planning.needs import BATCHED_TOKENS
from specreason.planning.shapes import ModelShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What an engine reaches of a card's data sheet, and what each forward costs besides."""

    # Shares of the bandwidth and of the dense matrix products. Other models of this kind take 0.7 to 0.9 of both.
    bandwidth: float
    arithmetic: float
    # One small all-reduce takes this long at least: 70 µs are those of PCIe.
    all_reduce_us: float
    # Scheduling, sampling and the gap between two forwards. The paper's 1.5B model gains 1.1x only on A100s (§A.1),
    # which speaks for the slow end; asynchronous scheduling speaks for the fast one.
    host_s: float


FAST = Pace(bandwidth=0.85, arithmetic=0.7, all_reduce_us=0, host_s=0.003)
SLOW = Pace(bandwidth=0.8, arithmetic=0.5, all_reduce_us=70, host_s=0.005)
PACES = (FAST, SLOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One model on `tensor_parallel_size` equal cards, with nothing else on them.

    Raises InputError if the card's speed is not known.
    """

    shape: ModelShape
    card: Card
    pace: Pace
    tensor_parallel_size: int = 1
    # The most tokens of one forward: a longer prompt takes several.
    batched_tokens: int = BATCHED_TOKENS

    def __post_init__(self) -> None:
        needed = ["bandwidth_gb_s", "bf16_tflops"]
        if self.tensor_parallel_size > 1:
            needed += ["link_gb_s", "link_latency_us"]
        missing = [name for name in needed if getattr(self.card, name) is None]
        if missing:
            raise InputError(f"the speed of {self.card.name} is not known here ({', '.join(missing)})")

    def forward_s(self, sequences: float, *, new: float, context: float, beside: float = 0) -> float:
        """Return the seconds of one forward over `sequences`, each with `new` tokens after `context` ones.

        `beside` counts sequences of the same context that decode one token in the same forward.
        """
        num_tokens = sequences * new + beside
        attended = sequences * new * (context + new / 2) + beside * context
        kv_tokens = sequences * (context + new) + beside * context
        memory_s = self._weights_s + self._bytes_s(
            kv_tokens * self.shape.kv_bytes_per_token(self.tensor_parallel_size)
        )
        together_s = max(memory_s, self._arithmetic_s(num_tokens, attended))
        return together_s + self._all_reduces_s(num_tokens) + self.pace.host_s

    def decode_s(self, sequences: float, *, context: float) -> float:
        """Return the seconds in which each of the sequences gets one token."""
        return self.forward_s(sequences, new=1, context=context)

    def prefill_s(self, new: float, *, cached: float, beside: float = 0) -> float:
        """Return the seconds for a prompt of which `cached` tokens are computed already."""
        seconds = 0.0
        while new > self.batched_tokens:
            seconds += self.forward_s(1, new=self.batched_tokens, context=cached, beside=beside)
            new, cached = new - self.batched_tokens, cached + self.batched_tokens
        return seconds + self.forward_s(1, new=new, context=cached, beside=beside)

    def verdict_s(self, step: float, suffix: float, *, context: float) -> float:
        """Return the seconds for a verdict alone: its one token is in the last forward of the prefill."""
        return self.prefill_s(step + suffix, cached=context)

    def first_token_s(self, new: float, *, cached: float, in_flight: float) -> float:
        """Return the seconds to a call's first token: it joins the forward after the one under way."""
        others = max(in_flight - 1, 0)
        wait_s = self.decode_s(others, context=cached) / 2 if others else 0
        return min(others, 1) * wait_s + self.prefill_s(new, cached=cached, beside=others)

    def next_token_s(self, context: float, *, in_flight: float) -> float:
        return self.decode_s(in_flight, context=context)

    @property
    def _weights_s(self) -> float:
        """Seconds to read the weights. Of the input embeddings a forward reads a few rows, unless they are the head."""
        unread = 0.0
        if not self.shape.tied_embeddings:
            rows = self.shape.num_embedding_parameters * self.shape.value_bytes
            unread = rows / self.tensor_parallel_size
        return self._bytes_s(self.shape.weights_in_bytes(self.tensor_parallel_size) - unread)

    def _bytes_s(self, num_bytes: float) -> float:
        assert self.card.bandwidth_gb_s is not None
        return num_bytes / (self.card.bandwidth_gb_s * 1e9 * self.pace.bandwidth)

    def _arithmetic_s(self, num_tokens: float, attended: float) -> float:
        """Return the seconds to compute `num_tokens`, which attend to `attended` tokens together."""
        shape, card = self.shape, self.card
        weights = shape.num_parameters - (0 if shape.tied_embeddings else shape.num_embedding_parameters)
        operations = (
            2 * weights * num_tokens + 4 * shape.layers * shape.heads * shape.head_dim * attended
        ) / self.tensor_parallel_size
        # Of quantized weights only FP8 ones are multiplied as they are; others become bf16 first.
        tflops = card.fp8_tflops if shape.weight_bytes == 1 and card.fp8_tflops else card.bf16_tflops
        assert tflops is not None
        return operations / (tflops * 1e12 * self.pace.arithmetic)

    def _all_reduces_s(self, num_tokens: float) -> float:
        """Return the seconds of two all-reduces a layer over the activations; none on a single card."""
        size = self.tensor_parallel_size
        if size == 1:
            return 0.0
        assert self.card.link_latency_us is not None
        assert self.card.link_gb_s is not None
        latency_s = max(self.card.link_latency_us, self.pace.all_reduce_us) * 1e-6
        moved = 2 * (size - 1) / size * num_tokens * self.shape.hidden * self.shape.value_bytes
        return 2 * self.shape.layers * (latency_s + moved / (self.card.link_gb_s * 1e9))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculatingClock:
    """A base whose engine drafts tokens itself (paper §4.2): `num_tokens` drafted, then one forward that checks them.

    A drafted token is right with the probability `acceptance`, whatever came before it, and the check adds one token
    of its own. So a round yields (1 - a^(n+1)) / (1 - a) tokens. The first token of a call is not speculated.
    """

    base: Clock
    drafter: Clock
    num_tokens: int
    acceptance: float

    @property
    def tokens_per_round(self) -> float:
        return sum(self.acceptance**place for place in range(self.num_tokens + 1))

    def first_token_s(self, new: float, *, cached: float, in_flight: float) -> float:
        """Return the seconds to the first token; the draft model reads the prompt, too."""
        return self.base.first_token_s(new, cached=cached, in_flight=in_flight) + self.drafter.prefill_s(
            new, cached=cached
        )

    def next_token_s(self, context: float, *, in_flight: float) -> float:
        check_s = self.base.forward_s(in_flight, new=self.num_tokens + 1, context=context)
        draft_s = self.num_tokens * self.drafter.decode_s(in_flight, context=context)
        return (check_s + draft_s) / self.tokens_per_round
