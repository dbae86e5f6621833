"""What images are built of and packages hold: files that exist, versions that are locked."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch

import pytest
from packaging.requirements import Requirement

from tests.support.deployment_files import (
    COMPOSE_TEXT,
    DOCKERFILE,
    DOTENV_EXAMPLE,
    MAKEFILE,
    OURS,
    ROOT,
    SERVICES,
    WORKERS,
    stages,
)


@pytest.mark.parametrize("name", WORKERS)
def test_the_probe_of_a_worker_is_in_its_image(name: str) -> None:
    *_, probe = SERVICES[name]["healthcheck"]["test"]
    assert probe == "/app/worker_health.py"
    assert "COPY docker/worker_health.py ./" in stages()[SERVICES[name]["build"]["target"]]


@pytest.mark.parametrize("name", OURS)
def test_each_image_exists_and_does_not_run_as_root(name: str) -> None:
    build = SERVICES[name]["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()
    assert re.fullmatch(r"USER [1-9]\d*:[1-9]\d*", stages()[build["target"]][-1])


def test_everything_that_an_image_copies_exists_and_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in DOCKERFILE.splitlines():
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists()
                assert any(source.rstrip("/") == entry or source.startswith(f"{entry}/") for entry in kept)


def test_images_install_what_is_locked() -> None:
    installs = [line for lines in stages().values() for line in lines if "pip install" in line]
    assert installs
    for line in installs:
        assert "--no-deps" in line or re.search(r"--constraint requirements/\w+\.txt", line)


def test_everything_that_runs_on_the_cpu_is_installed_by_one_script() -> None:
    assert "RUN python requirements/install.py" in stages()["cpu"]
    assert "python requirements/install.py --editable .\n" in MAKEFILE
    for text in (DOCKERFILE, MAKEFILE):
        assert "--requirement requirements/cpu.txt" not in text


def test_the_image_for_gpus_is_installed_by_the_same_script_and_takes_no_index_from_outside() -> None:
    assert "RUN python requirements/install.py --gpu" in stages()["gpu"]
    for line in stages()["gpu"]:
        assert not re.search(r"^ARG|PIP_|UV_", line)
    assert "g++" in " ".join(stages()["gpu"])
    assert not [key for service in SERVICES.values() for key in service.get("build", {}) if key == "args"]


def test_every_installation_has_the_libraries_of_analyses() -> None:
    """`make demo` and two of the images install a lock as it is, the image of the API the package with the extra."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    libraries = {Requirement(line).name for line in pyproject["project"]["optional-dependencies"]["analysis"]}
    assert libraries >= {"duckdb", "matplotlib", "scipy"}
    for device in ("cpu", "gpu"):
        lock = (ROOT / "requirements" / f"{device}.txt").read_text()
        assert libraries <= set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE))
    assert any("[analysis]" in line for line in stages()["api"] if "pip install" in line)


def test_the_lock_for_gpus_has_cuda_bindings_of_one_version() -> None:
    """Older distributions of cuda-python contain bindings of their own."""
    lock = (ROOT / "requirements" / "gpu.txt").read_text()
    versions = dict(re.findall(r"^(cuda-(?:python|bindings))==(\d+\.\d+)", lock, re.MULTILINE))
    assert versions["cuda-python"] == versions["cuda-bindings"]
    assert int(versions["cuda-python"].partition(".")[0]) >= 13


def test_the_lock_for_gpus_obeys_its_constraints() -> None:
    lock = (ROOT / "requirements" / "gpu.txt").read_text()
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", lock, re.MULTILINE))
    for line in (ROOT / "requirements" / "gpu-constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            constraint = Requirement(line)
            assert constraint.specifier.contains(pins[constraint.name])
    assert "--constraint requirements/gpu-constraints.txt" in MAKEFILE


def test_what_the_code_imports_of_the_hub_is_named_and_not_only_in_reach() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "huggingface-hub" in {Requirement(line).name for line in pyproject["project"]["dependencies"]}
    for device in ("cpu", "gpu"):
        lock = (ROOT / "requirements" / f"{device}.txt").read_text()
        (reasons,) = re.findall(r"^huggingface-hub==\S+\n((?:    #.*\n)+)", lock, re.MULTILINE)
        assert "specreason (pyproject.toml)" in reasons


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_a_lock_names_exact_versions_and_no_place(device: str) -> None:
    lines = (ROOT / "requirements" / f"{device}.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert len(pins) > 100
    assert all(re.fullmatch(r"[\w.-]+==[\w.+!-]+", pin) for pin in pins)
    assert not any("://" in line for line in lines)


def test_no_deployment_file_names_a_package_index() -> None:
    install = (ROOT / "requirements" / "install.py").read_text()
    for text in (COMPOSE_TEXT, DOCKERFILE, DOTENV_EXAMPLE, MAKEFILE, install):
        assert "INDEX_URL" not in text
        hosts = set(re.findall(r"https?://([^/:\s]+)", text))
        assert hosts <= {"127.0.0.1"}


def test_everything_that_the_code_reads_from_the_package_is_packaged() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = pyproject["tool"]["setuptools"]["package-data"]["specreason"]
    package = ROOT / "specreason"
    data = [path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert {path.suffix for path in data} >= {".toml", ".sql"}
    for path in data:
        assert any(fnmatch(str(path.relative_to(package)), pattern) for pattern in patterns), path
