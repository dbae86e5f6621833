"""The API of a chaos run, as a process that can be killed behind one address, and the requests of the run."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from specreason.children import kill_group, spawn_module

TIMEOUT_S = 3.0


class ApiProcess:
    """The API process. Call it on the main thread only, except `post`."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        self._url = f"http://{host}:{port}"
        self._start()

    def tend(self) -> None:
        """Start it again if it has ended."""
        if self._process.poll() is not None:
            self._start()

    def kill(self) -> None:
        kill_group(self._process)

    def stop(self) -> None:
        self.kill()
        self._listener.close()

    @property
    def answers(self) -> bool:
        try:
            return httpx2.get(f"{self._url}/api/health", timeout=1, trust_env=False).is_success
        except httpx2.HTTPError:
            return False

    def post(self, path: str, body: dict[str, Any] | None = None, *, key: str | None = None) -> bool:
        """Whether the request was carried out. False if no answer says so; it may have been. A refusal is a defect."""
        headers = {} if key is None else {"Idempotency-Key": key}
        try:
            with httpx2.Client(base_url=self._url, timeout=TIMEOUT_S, trust_env=False) as client:
                answer = client.post(path, json=body, headers=headers)
        except httpx2.HTTPError:
            return False
        unknown = (
            httpx2.codes.SERVICE_UNAVAILABLE,
            httpx2.codes.CONFLICT,
        )  # 409: its killed predecessor ends
        assert answer.is_success or answer.status_code in unknown, answer.text
        return answer.is_success

    def _start(self) -> None:
        fd = self._listener.fileno()
        with self._log.open("ab") as output:
            self._process: subprocess.Popen[bytes] = spawn_module(
                "specreason.cli.main",
                *("api", "--listen-fd", str(fd)),
                environment=self._environment,
                pass_fds=(fd,),
                output=output,
            )
