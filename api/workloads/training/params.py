"""What a user says when submitting a training."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from api.workloads import InputFile

# Strict: "20" and true are not numbers. A whole number is a fine float.
StrictNumber = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Width = Annotated[StrictInt, Field(ge=1, le=1024)]

MAX_SEED = 2**32 - 1


class Schedule(StrEnum):
    """How the learning rate goes over the epochs."""

    CONSTANT = "constant"
    COSINE = "cosine"
    STEP = "step"


class Optimizer(StrEnum):
    """How the weights follow the gradients."""

    ADAM = "adam"
    SGD = "sgd"


class TrainingParams(BaseModel):
    """What to learn from, the network, and how it learns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    csv_file: InputFile | None = Field(
        default=None,
        description="Your own data: a CSV file in an input folder, numbers and one column of classes. "
        "Without it, the handwritten digits that come with scikit-learn",
    )
    target: str = Field(
        default="target", min_length=1, max_length=200, description="The column of csv_file that holds the classes"
    )
    epochs: StrictInt = Field(default=80, ge=1, le=10_000, description="Passes through the training data, at most")
    batch_size: StrictInt = Field(default=16, ge=1, le=65_536, description="Rows between two steps of the optimiser")
    learning_rate: StrictNumber = Field(
        default=0.001, gt=0, le=1000, description="Size of a step at the start; the schedule lowers it"
    )
    schedule: Schedule = Field(
        default=Schedule.COSINE,
        description="The learning rate over the epochs: constant, half a cosine towards 0, "
        "or multiplied by step_factor every step_epochs",
    )
    step_epochs: StrictInt = Field(default=20, ge=1, le=10_000, description="Epochs between two steps of schedule step")
    step_factor: StrictNumber = Field(
        default=0.5, gt=0, le=1, description="What schedule step multiplies the learning rate by"
    )
    optimizer: Optimizer = Field(
        default=Optimizer.ADAM, description="adam, or sgd: gradient descent with a momentum of 0.9"
    )
    weight_decay: StrictNumber = Field(
        default=0.01, ge=0, le=1, description="Part of the weights that a step takes away, times the learning rate"
    )
    dropout: StrictNumber = Field(
        default=0.5, ge=0, le=0.9, description="Part of the hidden units that is left out at random while training"
    )
    hidden_layers: tuple[Width, ...] = Field(
        default=(512, 256),
        max_length=4,
        description="Units of each hidden layer, such as [512, 256]; [] is a linear classifier",
    )
    validation_fraction: StrictNumber = Field(
        default=0.2, ge=0.05, le=0.5, description="Part of the rows that is kept for validation, of each class alike"
    )
    patience: StrictInt = Field(
        default=40,
        ge=0,
        le=10_000,
        description="Stop early after so many epochs without a better validation accuracy (or, where that is equal, "
        "loss); 0 never stops early",
    )
    seed: StrictInt = Field(
        default=0, ge=0, le=MAX_SEED, description="Of first weights, order of rows and dropout: same seed, same model"
    )
    split_seed: StrictInt = Field(
        default=0, ge=0, le=MAX_SEED, description="Of which rows are kept for validation, apart from seed"
    )
