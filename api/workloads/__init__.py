"""Kinds of work. A third party imports `Workload`, `Context` and `InputFile` from here."""

from api.domain.workload import Context, Workload
from api.workloads.inputs import InputFile

__all__ = ["Context", "InputFile", "Workload"]
