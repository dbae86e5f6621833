"""Write the golden files again: `python -m tests.golden.regenerate`. Then read the difference."""

from __future__ import annotations

import asyncio

from tests.golden.scene import GOLDEN, golden_texts

if __name__ == "__main__":
    for name, text in asyncio.run(golden_texts()).items():
        (GOLDEN / name).write_text(text, encoding="utf-8")
