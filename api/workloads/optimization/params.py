"""What a user says when submitting an optimisation."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt, field_validator, model_validator

from api.errors import InvalidInput
from api.workloads import InputFile
from api.workloads.optimization.bom import parse_bom

# Strict: "20" and true are not numbers. A whole number is a fine float.
StrictNumber = Annotated[float, Field(strict=True, allow_inf_nan=False)]

MAX_SEED = 2**32 - 1
MAX_POPULATION = 5000


class OptimizationParams(BaseModel):
    """Exactly one of `bom_file` and `bom` says what is to be placed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bom_file: InputFile | None = Field(
        default=None,
        description="Bill of materials on the server: a JSON, YAML or CSV file in an input folder",
    )
    bom: dict[str, Any] | list[Any] | None = Field(
        default=None,
        description="Bill of materials given inline, in place of bom_file: an object with components, or a bare list",
    )
    max_iterations: StrictInt = Field(default=20, ge=1, le=100_000, description="Generations of the search, at most")
    convergence_threshold: StrictNumber = Field(
        default=0.01,
        ge=0,
        le=1,
        description=(
            "Stop early when a feasible layout has improved by less than this fraction over the last eight "
            "generations; 0 never stops early"
        ),
    )
    config_path: str | None = Field(default=None, max_length=1024, description="Recorded with the result, never read")
    seed: StrictInt = Field(default=0, ge=0, le=MAX_SEED, description="The same seed and inputs give the same layout")
    population_size: StrictInt | None = Field(
        default=None,
        ge=8,
        le=MAX_POPULATION,
        description="Layouts tried in each generation; by default chosen from the number of boxes",
    )

    @field_validator("bom")
    @classmethod
    def _check_bom(cls, bom: Any) -> Any:
        if bom is not None:
            try:
                parse_bom(bom)
            except InvalidInput as error:
                raise ValueError(error.message) from None
        return bom

    @model_validator(mode="after")
    def _exactly_one_bom(self) -> Self:
        if (self.bom_file is None) == (self.bom is None):
            raise ValueError("give exactly one of bom_file and bom")
        return self
