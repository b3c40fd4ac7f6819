"""Warm kernels are real kernels: own processes, own randomness, interruptible, gone at the end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from jupyter_client import KernelManager
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.provisioning import KernelProvisionerFactory

from hotspot_eval.run.warm import PROVISIONER, WarmProvisioner, provisioner

pytestmark = [
    pytest.mark.xdist_group("notebooks"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
]


@contextmanager
def kernel() -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    factory = KernelProvisionerFactory.instance()
    before, factory.default_provisioner_name = factory.default_provisioner_name, PROVISIONER
    try:
        manager = KernelManager(transport="ipc")
        manager.start_kernel()
        assert isinstance(manager.provisioner, WarmProvisioner)
        client = manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        yield manager, client
        client.stop_channels()
    finally:
        factory.default_provisioner_name = before
        manager.shutdown_kernel(now=True)


def answer(client: BlockingKernelClient, code: str) -> str:
    reply = client.execute_interactive(
        "", user_expressions={"answer": code}, timeout=60, output_hook=lambda _: None
    )
    told = reply["content"]["user_expressions"]["answer"]
    assert told["status"] == "ok", told
    return str(told["data"]["text/plain"])


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_kernels_share_imports_but_nothing_else():
    with kernel() as (first, one), kernel() as (second, two):
        assert isinstance(first.provisioner.process, provisioner.ForkedKernel)
        assert first.provisioner.pid != second.provisioner.pid
        ask = "'hotspot_eval' in __import__('sys').modules"
        assert answer(one, ask) == "True"
        drawn = "float(__import__('numpy').random.random())"
        assert answer(one, drawn) != answer(two, drawn)
        seeded = "float(__import__('numpy').random.default_rng(7).random())"
        assert answer(one, seeded) == answer(two, seeded)
        pid = first.provisioner.pid
    assert gone(pid)


def test_a_running_cell_can_be_interrupted():
    with kernel() as (manager, client):
        client.execute("__import__('time').sleep(60)")
        time.sleep(0.5)
        manager.interrupt_kernel()
        reply = client.get_shell_msg(timeout=20)
        assert reply["content"]["status"] == "error"
        assert reply["content"]["ename"] == "KeyboardInterrupt"


def test_a_dead_server_is_replaced():
    with kernel() as (manager, _):
        first = manager.provisioner.pid
    server = provisioner._server()
    server._process.kill()
    server._process.wait()
    with kernel() as (manager, client):
        assert manager.provisioner.pid != first
        assert answer(client, "1 + 1") == "2"


def test_where_forking_is_impossible_a_plain_kernel_starts(monkeypatch, caplog):
    def refuse() -> None:
        raise RuntimeError("this system cannot fork")

    monkeypatch.setattr(provisioner, "_server", refuse)
    with kernel() as (manager, client):
        assert not isinstance(manager.provisioner.process, provisioner.ForkedKernel)
        assert answer(client, "1 + 1") == "2"
    assert "starting a plain one" in caplog.text
