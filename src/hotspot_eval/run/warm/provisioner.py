"""The provisioner: a plain local kernel, but forked instead of started from nothing."""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import LocalProvisioner

__all__ = ["PROVISIONER", "ForkedKernel", "WarmProvisioner"]

PROVISIONER = "hotspot-eval-warm"
_PRELOAD_SECONDS = 120.0
_LOG = logging.getLogger(__name__)


class WarmProvisioner(LocalProvisioner):  # type: ignore[misc]
    """Launches kernels through this process's fork server.

    Everything else (connection files, signals, shutdown, time-outs) is the plain local
    provisioner's. Where forking is impossible it launches a plain kernel and says so.
    """

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Fork the kernel that ``cmd`` describes; the connection information is the answer."""
        try:
            server = _server()
            process = server.fork(
                connection_file=cmd[cmd.index("-f") + 1],
                cwd=str(kwargs.get("cwd") or Path.cwd()),
                env=kwargs.get("env") or dict(os.environ),
            )
        except (OSError, ValueError, RuntimeError) as error:
            _LOG.warning("no warm kernel (%s): starting a plain one", error)
            return await super().launch_kernel(cmd, **kwargs)
        self.process = process
        self.pid = process.pid
        self.pgid = process.pid
        return self.connection_info


class ForkedKernel:
    """What the local provisioner needs of a ``Popen``, for a process that is not our child."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it runs; its true exit status is not known afterwards, so 0."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it is gone."""
        until = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("kernel", timeout or 0.0)
            time.sleep(0.02)
        return 0

    def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel alone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


class _Server:
    """A fork server and the private folder of its socket."""

    def __init__(self) -> None:
        if not hasattr(os, "fork") or not hasattr(socket, "AF_UNIX"):
            raise RuntimeError("this system cannot fork")
        self.owner = os.getpid()
        self._folder = tempfile.mkdtemp(prefix="hotspot-eval-")
        self._path = str(Path(self._folder) / "kernels")
        environment = {
            **os.environ,
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hotspot_eval.run.warm.server", self._path],
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        atexit.register(self.stop)
        self._wait_until_ready()

    @property
    def alive(self) -> bool:
        return self.owner == os.getpid() and self._process.poll() is None

    def fork(self, *, connection_file: str, cwd: str, env: dict[str, str]) -> ForkedKernel:
        request = {"connection_file": connection_file, "cwd": cwd, "env": env}
        return ForkedKernel(int(self._ask(json.dumps(request).encode())))

    def stop(self) -> None:
        if self.owner == os.getpid():
            self._process.terminate()
            self._process.wait()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _ask(self, line: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(self._path)
            connection.sendall(line + b"\n")
            return connection.makefile("rb").readline()

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + _PRELOAD_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"the fork server ended with {self._process.returncode}")
            try:
                self._ask(b"")
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(0.02)
            else:
                return
        self.stop()
        raise RuntimeError(f"the fork server was not ready after {_PRELOAD_SECONDS:.0f} s")


_SERVERS: list[_Server] = []


def _server() -> _Server:
    """The process's fork server, started at the first use and again if it has died."""
    _SERVERS[:] = [server for server in _SERVERS if server.alive]
    if not _SERVERS:
        _SERVERS.append(_Server())
    return _SERVERS[0]
