"""Work that runs somewhere else and is reported from there: created `running`, fed by `POST …/events`."""

from __future__ import annotations

from typing import NoReturn

from pydantic import BaseModel, ConfigDict

from api.domain.workload import Context, Workload
from api.errors import WorkloadError


class ExternalParams(BaseModel):
    """Whatever describes the work: kept and shown."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


def run(params: ExternalParams, ctx: Context) -> NoReturn:
    raise WorkloadError("an external task is run by whoever reports it")


workload = Workload(
    type="external",
    title="Reported from elsewhere",
    params=ExternalParams,
    run=run,
    description='Any script anywhere reports its own progress: `with APIClient(url).report("my job", total=100)`.',
    external=True,
)
