"""The same work on a Dask cluster, behind the one Executor seam."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator
from concurrent.futures import Executor
from urllib.parse import urlsplit

from hotspot_eval.errors import InputError, Problem

__all__ = ["dask_executor"]


@contextlib.contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """The workers of the scheduler at ``address``, as an Executor.

    Raises
    ------
    InputError
        If dask.distributed is not installed, or the address is beyond this machine without TLS.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("tcp", "tls") or not parts.hostname or not parts.port:
        raise InputError(
            Problem(
                where="option '--scheduler'",
                what=f"{address!r} is not an address",
                advice="Write tcp://127.0.0.1:8786 or tls://host:8786.",
            )
        )
    if parts.scheme != "tls" and not _loopback(parts.hostname):
        raise InputError(
            Problem(
                where="option '--scheduler'",
                what="a scheduler beyond this machine is used without encryption",
                advice="Use a tls:// address, with certificates set up in Dask's own settings.",
            )
        )
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            Problem(
                where="option '--scheduler'",
                what="needs dask.distributed, which is not installed",
                advice="Install hotspot-eval[cluster].",
            )
        ) from None
    with Client(address) as client:
        yield client.get_executor(pure=False, retries=1)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
