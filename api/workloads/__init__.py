"""Kinds of work. A third party imports what it needs from here."""

from api.domain.workload import Context, Found, Hit, Workload
from api.workloads.inputs import InputFile, InputFolder

__all__ = ["Context", "Found", "Hit", "InputFile", "InputFolder", "Workload"]
