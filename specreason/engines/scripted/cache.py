"""The prefix cache of a scripted engine: the tokens of a prompt that a real engine would not compute again."""

from __future__ import annotations

from collections import deque

# The size of a block in tokens, and of the cache in sequences.
BLOCK, SIZE = 16, 64


class PrefixCache:
    """Remembers the last sequences, whole."""

    def __init__(self) -> None:
        self._sequences: deque[tuple[int, ...]] = deque(maxlen=SIZE)

    def look_up(self, prompt: tuple[int, ...], written: tuple[int, ...]) -> int:
        """Return the tokens of the prompt's whole blocks that are cached, and remember what is `written` after it.

        The last token of a prompt is always computed.
        """
        longest, known = 0, prompt[:-1]
        for earlier in reversed(self._sequences):
            # One that has more in common with the prompt than the best so far has this token, too, and all before it.
            next_ = slice(longest, longest + 1)
            if known[next_] and earlier[next_] == known[next_] and earlier[:longest] == known[:longest]:
                longest += common_prefix(known[longest:], earlier[longest:])
        self._sequences.append(prompt + written)
        return longest // BLOCK * BLOCK


def common_prefix(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """Return the number of tokens with which both begin, by bisection: slices compare faster than tokens one by one."""
    same, most = 0, min(len(a), len(b))
    while same < most:
        half = (most - same + 1) // 2
        if a[same : same + half] == b[same : same + half]:
            same += half
        else:
            most = same + half - 1
    return same
