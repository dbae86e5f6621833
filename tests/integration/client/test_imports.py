"""Help, completion and the commands that only ask the API start without what is slow to load."""

from __future__ import annotations

import subprocess
import sys

SLOW = ("sqlalchemy", "fastapi", "uvicorn", "celery", "pyarrow", "tokenizers", "torch", "vllm")


def test_the_command_line_loads_nothing_slow_before_a_command_runs() -> None:
    program = f"""
import sys
import specreason.cli.main
print(*[name for name in {SLOW} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
