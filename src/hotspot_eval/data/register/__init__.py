"""The intervention register: what was delivered where and when."""

from hotspot_eval.data.register.design import Placement
from hotspot_eval.data.register.model import InterventionRegister
from hotspot_eval.data.register.read import read_register

__all__ = ["InterventionRegister", "Placement", "read_register"]
