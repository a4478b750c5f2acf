"""Schemas of alert rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.domain.lifecycle import Status
from api.domain.rule import DeliveryStatus, Kind, Mode, Op, ReactionKind
from api.rest.schemas import JsonObject, Name, Sent, Tag, Text
from api.webhook.target import URL_MAX

MetricName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
Finite = Annotated[float, Field(strict=True, ge=-1e300, le=1e300)]
Enabled = Annotated[bool, Field(strict=True)]


class WhenFailed(Sent):
    """The task has failed for good."""

    type: Literal[Kind.FAILED]


class WhenEnded(Sent):
    """The task has ended."""

    type: Literal[Kind.ENDED]
    statuses: Annotated[list[Literal[Status.COMPLETED, Status.FAILED, Status.CANCELLED]], Field(max_length=3)] = Field(
        default_factory=list, description="The ends that count; none: all."
    )


class WhenStalled(Sent):
    """Nothing was reported for much longer than usual."""

    type: Literal[Kind.STALLED]


class WhenMetric(Sent):
    """A metric is beyond a bound. NaN is beyond none, infinity may be."""

    type: Literal[Kind.METRIC]
    metric: MetricName
    op: Op
    bound: Finite


class WhenNonfinite(Sent):
    """A metric is NaN or infinite."""

    type: Literal[Kind.NONFINITE]
    metric: MetricName | None = Field(None, description="None: any.")


class WhenPlateau(Sent):
    """A metric has not improved for so many reports of it."""

    type: Literal[Kind.PLATEAU]
    metric: MetricName
    window: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = Field(description="How many reports.")
    min_delta: Annotated[float, Field(ge=0, le=1e300, strict=True)] = Field(
        0.0, description="A value that is better by no more than this is no improvement."
    )
    mode: Mode = Field(Mode.MIN, description="Which way it improves.")


RuleCondition = Annotated[
    WhenFailed | WhenEnded | WhenStalled | WhenMetric | WhenNonfinite | WhenPlateau, Field(discriminator="type")
]


class RuleMatch(Sent):
    """Which tasks: all that is given must fit."""

    type: Text | None = Field(None, min_length=1, max_length=64)
    tag: Tag | None = None
    owner: Text | None = Field(None, min_length=1, max_length=200)


class RuleCommand(Sent):
    """Tell the owner of the rule; or pause or stop the task, which `failed` and `ended` come too late for."""

    type: Literal[ReactionKind.NOTIFY, ReactionKind.PAUSE, ReactionKind.STOP]


class RuleWebhook(Sent):
    """POST what happened as JSON, signed."""

    type: Literal[ReactionKind.WEBHOOK]
    url: Annotated[str, StringConstraints(min_length=8, max_length=URL_MAX, pattern=r"^https?://[!-~]+$")] = Field(
        description="Of a public address, unless `RUNCAST_WEBHOOK_PRIVATE` says otherwise."
    )
    secret: Annotated[str, StringConstraints(pattern=r"^[!-~]{16,200}$")] | None = Field(
        None,
        description="What it is signed with; never shown. Null: it keeps what it had, or one is made and shown once.",
    )


RuleAction = Annotated[RuleCommand | RuleWebhook, Field(discriminator="type")]
RuleActions = Annotated[list[RuleAction], Field(max_length=4)]
Cooldown = Annotated[float, Field(ge=0, le=31_536_000, strict=True)]
_RULE_EXAMPLE: Any = {
    "name": "diverged",
    "match": {"type": "training"},
    "condition": {"type": "metric", "metric": "val_loss", "op": "above", "bound": 10.0},
    "actions": [{"type": "notify"}, {"type": "stop"}],
}


class RuleCreate(Sent):
    """What to watch for in which tasks, and what to do then."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RULE_EXAMPLE]})

    condition: RuleCondition
    match: RuleMatch = Field(default_factory=RuleMatch, description="Nothing: every task.")
    actions: RuleActions = Field(
        default_factory=list,
        description="One of each type at most, and either `pause` or `stop`; none: an alert alone.",
    )
    name: Name = ""
    enabled: Enabled = True
    cooldown_seconds: Cooldown = Field(
        0.0, description="For so long after it has fired for a task it does not fire for this one again."
    )


class RuleEdit(Sent):
    """What may be changed in a rule; a field that is missing stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"match": {"tag": None}, "cooldown_seconds": 60}]})

    condition: RuleCondition | None = None
    match: RuleMatch | None = Field(None, description="A JSON Merge Patch (RFC 7396): `null` removes a field.")
    actions: RuleActions | None = None
    name: Name | None = None
    enabled: Enabled | None = None
    cooldown_seconds: Cooldown | None = None


class RuleToggle(Sent):
    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"enabled": False}]})

    enabled: Enabled | None = Field(None, description="None: the other way round.")


class RuleQuery(Sent):
    limit: int = Field(50, ge=1, le=200)
    cursor: Text | None = Field(None, max_length=500, description="`next_cursor` of the page before.")


class RuleHistoryQuery(Sent):
    limit: int = Field(50, ge=1, le=200)


class RuleLinks(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    self_: str = Field(alias="self")
    firings: str
    deliveries: str


class RuleMatched(BaseModel):
    type: str | None
    tag: str | None
    owner: str | None


class DeliveryResource(BaseModel):
    """One call of a webhook."""

    delivery_id: str
    task_id: str
    status: DeliveryStatus
    attempts: int
    created_at: str
    tried_at: str | None
    next_try_at: str | None
    error: str | None = Field(description="What was wrong with the last try.")


class RuleResource(BaseModel):
    """A rule as it stands."""

    id: str
    rule_id: str
    name: str
    owner: str
    created_at: str
    enabled: bool
    since: str = Field(description="What was reported before is not its business.")
    match: RuleMatched
    condition: JsonObject
    actions: list[JsonObject]
    secret: str | None = Field(description="Of the webhook: in the answer to the request that it was made for, alone.")
    cooldown_seconds: float
    fired: int = Field(description="How often.")
    last_fired_at: str | None
    last_delivery: DeliveryResource | None
    links: RuleLinks


class RuleList(BaseModel):
    rules: list[RuleResource]
    total: int
    next_cursor: str | None


class FiringResource(BaseModel):
    """A rule fired for this event of a task."""

    task_id: str
    seq: int
    reason: str
    at: str = Field(description="When the event was committed.")
    outcome: str | None = Field(description="What became of pausing or stopping the task.")


class FiringList(BaseModel):
    firings: list[FiringResource]


class DeliveryList(BaseModel):
    deliveries: list[DeliveryResource]
