"""One way to compile a kernel: cached on disk, one thread, typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

__all__ = ["compiled"]

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile with numba; a second process reads the result from the cache beside the module."""
    return cast(F, njit(cache=True)(function))
