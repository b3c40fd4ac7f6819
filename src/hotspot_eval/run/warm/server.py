"""The fork server: imports everything once, then forks a kernel for each request.

Run as ``python -m hotspot_eval.run.warm.server SOCKET`` by the provisioner, which owns it: it ends
when its owner does, and its kernels end with it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

__all__ = ["READY", "serve"]

READY = b"ready\n"
_LONGEST = 1 << 20
_LOOK_SECONDS = 1.0


def serve(path: Path) -> None:
    """Answer requests on a Unix socket until the owner is gone.

    A request is one line of JSON with ``connection_file``, ``cwd`` and ``env``; the answer is the
    kernel's process id. Without a request (an empty line) the answer is :data:`READY`.
    """
    owner = os.getppid()
    _preload()
    # Children are nobody's to wait for: the kernel reaps them itself.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen()
        listening.settimeout(_LOOK_SECONDS)
        while os.getppid() == owner:
            try:
                connection, _ = listening.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(None)
                line = connection.makefile("rb").readline(_LONGEST)
                if not line.strip():
                    connection.sendall(READY)
                    continue
                kernel = os.fork()
                if kernel == 0:
                    listening.close()
                    connection.close()
                    _become_kernel(json.loads(line))
                    return
                connection.sendall(f"{kernel}\n".encode())


def _preload() -> None:
    import ipykernel.kernelapp
    import matplotlib_inline.backend_inline

    import hotspot_eval

    loaded = (ipykernel.kernelapp, matplotlib_inline.backend_inline, hotspot_eval)
    if threading.active_count() > 1:
        raise RuntimeError(f"{len(loaded)} imports left threads running: forking is not safe")


def _reseed() -> None:
    """Give the kernel its own old-style stream: forked kernels must not share one."""
    import numpy.random

    numpy.random.seed()  # noqa: NPY002


def _become_kernel(request: dict[str, Any]) -> None:
    """Leave the server's session and be the kernel that the request asks for."""
    from ipykernel.kernelapp import IPKernelApp

    server = os.getppid()
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    _reseed()
    sys.argv = ["ipykernel_launcher", "-f", request["connection_file"]]
    # The kernel ends when its parent does, and read its parent's id when it was imported.
    IPKernelApp.launch_instance(argv=[*sys.argv[1:], f"--IPKernelApp.parent_handle={server}"])


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
