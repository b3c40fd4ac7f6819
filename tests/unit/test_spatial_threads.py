"""The same bits whatever the number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import hashlib
import numpy as np
from hotspot_eval.spatial import concentration, local_g, local_geary, local_moran, moran
from tests.spatial_worlds import random_graph
rng = np.random.default_rng(1)
graph = random_graph(300, rng, isolates=2)
y = rng.poisson(2.0, (300, 6))
r = lambda: np.random.default_rng(2)
results = [
    local_g(y, graph), local_moran(y, graph), local_g(y, graph, method="permutation", rng=r()),
    local_geary(y, graph, rng=r(), permutations=99), moran(y, graph, rng=r(), permutations=99),
]
digest = hashlib.sha256()
for result in results:
    for values in (result.statistic, result.z, result.p_value):
        digest.update(np.ascontiguousarray(values).tobytes())
digest.update(concentration(y).stability.to_numpy().tobytes())
print(digest.hexdigest())
"""


def run(threads: str) -> str:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")
    search = os.pathsep.join([*(entry for entry in sys.path if entry), str(ROOT)])
    env = {**os.environ, **dict.fromkeys(names, threads), "PYTHONPATH": search}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_results_are_identical_for_one_and_many_threads():
    one = run("1")
    assert len(one) == 64
    assert run("4") == one
