"""kubectl makes of deploy/kubernetes what the tests of its resources read. Skipped where there is no kubectl."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest
import yaml

from tests.support.kustomize import Resource, build

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
SECRET = {"PGPASSWORD": "given", "HF_TOKEN": ""}


def by_name(resources: list[Resource]) -> dict[tuple[str, str], Resource]:
    return {(each["kind"], each["metadata"]["name"]): each for each in resources}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")
@pytest.mark.parametrize("overlay", ["example", "dev"])
def test_kubectl_reads_the_folder_as_the_tests_do(overlay: str, tmp_path: Path) -> None:
    shutil.copytree(KUBERNETES, tmp_path, dirs_exist_ok=True)
    (tmp_path / "dev" / "secret.env").write_text("# a comment\nPGPASSWORD=given\nHF_TOKEN=\n")
    made = subprocess.run(
        ["kubectl", "kustomize", str(tmp_path / overlay)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert made.stderr == ""
    theirs = by_name(list(yaml.safe_load_all(made.stdout)))
    for resource in theirs.values():
        if resource["kind"] == "Secret":
            resource["stringData"] = {
                key: b64decode(value).decode() for key, value in resource.pop("data").items()
            }
            resource.pop("type")
    assert theirs == by_name(build(KUBERNETES / overlay, secrets={"specreason": SECRET}))
