"""Warm kernels: real Jupyter kernels forked from a process that has the imports already."""

from hotspot_eval.run.warm.provisioner import PROVISIONER, WarmProvisioner

__all__ = ["PROVISIONER", "WarmProvisioner"]
