"""Schemas: what clients send and what they get, for validation and for /openapi.json."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    model_validator,
)

from api.domain.batch import TASKS_MAX
from api.domain.dependency import NAME, PARENTS_MAX, OnParentFailure
from api.domain.estimate import Basis
from api.domain.event import EventType
from api.domain.lifecycle import Status
from api.domain.schedule import CATCH_UP_MAX, MissedRuns, Overlap
from api.domain.task import NAME_MAX, PRIORITY_MAX, PRIORITY_MIN, TAG_MAX, TAGS_MAX

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Name = Annotated[str, StringConstraints(max_length=NAME_MAX, pattern=r"^[^\x00]*$")]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=TAG_MAX, pattern=r"^[^\x00]+$")]
Tags = Annotated[list[Tag], Field(max_length=TAGS_MAX)]
Priority = Annotated[int, Field(ge=PRIORITY_MIN, le=PRIORITY_MAX, strict=True)]


def _is_text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a time as text, such as 2026-12-24T18:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_is_text, json_schema_input_type=str)]
MaxAttempts = Annotated[int, Field(ge=1, le=100, strict=True)]
Seconds = Annotated[float, Field(gt=0, le=31_536_000, strict=True)]
JsonObject = dict[str, Any]


TaskName = Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}$")]
TaskNumber = Annotated[int, Field(ge=0, lt=TASKS_MAX, strict=True)]
ON_PARENT_FAILURE: Any = Field(
    OnParentFailure.CANCEL,
    description="When a task that it depends on fails or is cancelled: `cancel` this one too, or have it `wait` "
    "for a retry of that one, which takes its place.",
)
_BATCH_EXAMPLE: Any = [
    {"ref": "layout", "type": "optimization", "params": {"bom_file": "config/bom_example.json"}},
    {"type": "optimization", "params": {"bom_file": "config/bom_small.csv"}, "depends_on": ["layout"]},
]
_BATCH_TASK_EXTRA: Any = {"examples": _BATCH_EXAMPLE, "anyOf": [{"required": ["type"]}, {"required": ["bom_file"]}]}


class Sent(BaseModel):
    """What a client sends: unknown fields are told, not ignored."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class TaskBody(Sent):
    """What a task is to do, whoever starts it and when."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"type": "optimization", "params": {"bom_file": "config/bom_example.json", "max_iterations": 20}},
                {"bom_file": "config/bom_example.json", "max_iterations": 20},
            ],
            "anyOf": [{"required": ["type"]}, {"required": ["bom_file"]}],
        }
    )

    type: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        None, description="One of GET /api/workloads."
    )
    params: JsonObject = Field(default_factory=dict, description="As the workload's schema says.")
    name: Name = ""
    tags: Tags = Field(default_factory=list)
    priority: Priority = Field(0, description="Higher runs first.")
    max_attempts: MaxAttempts = 1
    timeout_seconds: Seconds | None = None
    run_at: Moment | None = Field(
        None, description="Not before then: RFC 3339, with its offset from UTC.", examples=["2026-12-24T18:00:00Z"]
    )
    bom_file: Any = Field(None, description="Older form: params.bom_file of an optimization.")
    max_iterations: Any = Field(None, description="Older form.")
    convergence_threshold: Any = Field(None, description="Older form.")
    config_path: Any = Field(None, description="Older form; recorded.")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        flat = self.flat()
        if self.type is not None and flat:
            raise ValueError(f"{', '.join(flat)}: belongs into params when type is given")
        if self.type is None and self.params:
            raise ValueError("params are given without a type")
        if self.type is None and "bom_file" not in flat:
            raise ValueError("type is missing; GET /api/workloads lists what there is")
        return self

    def flat(self) -> JsonObject:
        names = ("bom_file", "max_iterations", "convergence_threshold", "config_path")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


class TaskCreate(TaskBody):
    """A task to run. The older flat form has `bom_file` and its fellows in place of `type` and `params`.

    A value of its params may be `{"$result": "<task id>", "path": "a.b"}`: that part of the result of
    another task, on which it then depends.
    """

    depends_on: Annotated[list[TaskName], Field(max_length=PARENTS_MAX)] = Field(
        default_factory=list, description="Ids of tasks that must have completed before this one starts."
    )
    on_parent_failure: OnParentFailure = ON_PARENT_FAILURE


class BatchTask(TaskBody):
    """A task of a batch; `depends_on` and `$result` name its fellows, or older tasks by their ids."""

    model_config = ConfigDict(json_schema_extra=_BATCH_TASK_EXTRA)

    ref: TaskName | None = Field(None, description="A name for it within the batch.")
    depends_on: Annotated[list[TaskName | TaskNumber], Field(max_length=PARENTS_MAX)] = Field(
        default_factory=list, description="Tasks of this batch by their ref or number (from 0), older ones by their id."
    )
    on_parent_failure: OnParentFailure = ON_PARENT_FAILURE


class BatchCreate(Sent):
    """Tasks to submit together: all of them or none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "nightly", "tasks": _BATCH_EXAMPLE}]})

    tasks: Annotated[list[BatchTask], Field(min_length=1, max_length=TASKS_MAX)]
    name: Name = ""


class ScheduledTask(TaskBody):
    """The task that is submitted at each run."""


Cron = Annotated[str, StringConstraints(min_length=9, max_length=200, pattern=r"^[^\x00]*$")]
EverySeconds = Annotated[int, Field(ge=1, le=366 * 86400, strict=True)]
TimeZone = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$")]
_SCHEDULE_EXAMPLE: Any = {
    "name": "nightly",
    "cron": "30 2 * * *",
    "timezone": "Europe/Berlin",
    "task": {"type": "optimization", "params": {"bom_file": "config/bom_example.json"}},
}


class ScheduleCreate(Sent):
    """A task to submit again and again: by `cron`, or every so many seconds."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [_SCHEDULE_EXAMPLE],
            "oneOf": [{"required": ["cron"]}, {"required": ["every_seconds"]}],
        }
    )

    task: ScheduledTask
    cron: Cron | None = Field(None, description="Minute, hour, day of month, month, day of week.")
    every_seconds: EverySeconds | None = Field(None, description="Counted from the creation.")
    timezone: TimeZone = Field("UTC", description="IANA name; cron is read on the clock of this zone.")
    name: Name = ""
    missed_runs: MissedRuns = Field(
        MissedRuns.ONCE,
        description="Runs whose time passed while no server ran: leave them out, make up for them with one task, "
        f"or with all, {CATCH_UP_MAX} at most (with `overlap: allow`; else with one).",
    )
    overlap: Overlap = Field(
        Overlap.SKIP, description="When the task of the last run has not ended: leave this run out, or allow both."
    )
    paused: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _one_timing(self) -> Self:
        if (self.cron is None) == (self.every_seconds is None):
            raise ValueError("give either cron or every_seconds")
        return self


class ScheduleEdit(Sent):
    """What may be changed in a schedule; a field that is missing stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"paused": True}, {"cron": "0 3 * * 1-5"}]})

    task: ScheduledTask | None = None
    cron: Cron | None = Field(None, description="In place of the cron expression or interval that it had.")
    every_seconds: EverySeconds | None = Field(None, description="The same; counted from now.")
    timezone: TimeZone | None = None
    name: Name | None = None
    missed_runs: MissedRuns | None = None
    overlap: Overlap | None = None
    paused: Annotated[bool, Field(strict=True)] | None = None

    @model_validator(mode="after")
    def _one_timing(self) -> Self:
        if self.cron is not None and self.every_seconds is not None:
            raise ValueError("give either cron or every_seconds")
        return self


class ScheduleQuery(Sent):
    limit: int = Field(50, ge=1, le=200)
    cursor: Text | None = Field(None, max_length=500, description="`next_cursor` of the page before.")


class IdempotencyHeaders(Sent):
    idempotency_key: Annotated[str, StringConstraints(pattern=r"^[ -~]{1,255}$")] | None = Field(
        None,
        alias="Idempotency-Key",
        description="The same key and request again: the first task, with 200. A key is remembered for 7 days. "
        "1 to 255 printable ASCII characters.",
        examples=["nightly-2026-11-22"],
    )


class StreamHeaders(Sent):
    last_event_id: str | None = Field(
        None,
        alias="Last-Event-ID",
        description="The id of the last event that was received, as an EventSource sends it: resumes after it.",
        examples=["5f0c2e9b7d1a4c3e8f6a0b9c8d7e6f5a:12"],
    )


class TaskEdit(Sent):
    """What may be changed in a task at any time; a field that is missing stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "nightly", "tags": ["6U"], "priority": 5}]})

    name: Name | None = None
    tags: Tags | None = None
    priority: Priority | None = None


class BomToValidate(Sent):
    """A bill of materials: a file on the server, or the thing itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"bom_file": "config/bom_example.json"}],
            "anyOf": [{"required": ["bom_file"]}, {"required": ["bom"]}],
        }
    )

    bom_file: str | None = Field(None, max_length=1024)
    bom: JsonObject | list[Any] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.bom_file is None) == (self.bom is None):
            raise ValueError("give either bom_file or bom")
        return self


class TaskQuery(Sent):
    status: Status | None = None
    type: Text | None = Field(None, max_length=64)
    tag: Text | None = Field(None, max_length=TAG_MAX)
    owner: Text | None = Field(None, max_length=200)
    batch_id: Text | None = Field(None, max_length=64)
    schedule_id: Text | None = Field(None, max_length=64)
    q: Text | None = Field(None, max_length=200, description="Part of the name or params, or the id's beginning.")
    limit: int = Field(50, ge=1, le=200)
    cursor: Text | None = Field(None, max_length=500, description="`next_cursor` of the page before.")


class EventToAppend(Sent):
    """One event of an external task, as its owner reports it."""

    event_type: EventType
    data: JsonObject = Field(default_factory=dict)


class EventsToAppend(RootModel[Annotated[list[EventToAppend], Field(min_length=1, max_length=1000)]]):
    """In order; all are stored or none."""


class RetryOptions(Sent):
    """How to run a task again; what is missing is as it was."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"params": {"max_iterations": 40}, "name": "longer"}]})

    from_checkpoint: Annotated[bool, Field(strict=True)] = Field(
        False, description="Start from the old task's last checkpoint."
    )
    params: JsonObject | None = Field(
        None,
        description="What is to be different in the old params, as a JSON Merge Patch (RFC 7396): `null` removes one.",
    )
    name: Name | None = None
    tags: Tags | None = None
    priority: Priority | None = None
    max_attempts: MaxAttempts | None = None
    timeout_seconds: Seconds | None = None


class EventsAppended(BaseModel):
    seqs: list[int]
    last_seq: int


class Heartbeat(BaseModel):
    task_id: str
    status: Status
    last_seq: int


class EventQuery(Sent):
    since: int = Field(0, ge=0, lt=2**53, description="Only events with a greater seq, of those that are kept.")
    limit: int = Field(500, ge=1, le=1000)
    event_type: EventType | None = None


class StreamQuery(Sent):
    since: int | None = Field(None, ge=0, lt=2**53, description="Only events with a greater seq; 0 for all.")


class ExperimentQuery(Sent):
    limit: int = Field(100, ge=1, le=200)


class SearchQuery(Sent):
    q: Text = Field(
        min_length=1,
        max_length=500,
        description="Words that must all occur; `word*` for those that begin so, quotes around words that follow one "
        "another.",
    )
    limit: int = Field(20, ge=1, le=100)
    offset: int = Field(0, ge=0, le=10_000, description="How many of the best hits to leave out.")


class Links(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    self_: str = Field(alias="self")
    events: str
    stream: str
    result: str
    page: str


class TaskCreated(BaseModel):
    task_id: str
    id: str
    status: Status
    created_at: str
    links: Links


class TaskResource(BaseModel):
    """One task as it stands."""

    id: str
    task_id: str
    type: str
    name: str
    tags: list[str]
    owner: str
    status: Status
    progress_percent: float
    current_iteration: int
    max_iterations: int | None
    message: str
    metrics: dict[str, float | None]
    params: JsonObject
    config: JsonObject
    priority: int
    attempt: int
    max_attempts: int
    batch_id: str | None
    schedule_id: str | None
    retry_of: str | None
    depends_on: list[str]
    waiting_on: list[str] = Field(description="Those of `depends_on` that have not completed.")
    on_parent_failure: OnParentFailure
    run_at: str | None
    due_at: str | None = Field(description="While it waits for its time: when `run_at` or the next attempt is due.")
    queue_position: int | None
    estimated_start_at: str | None = Field(
        description="While it waits, in answers to GET: when it can be expected to start, by how long the tasks before "
        "it will take; null when that cannot be known."
    )
    estimated_end_at: str | None = Field(
        description="In answers to GET: when it can be expected to end, by its own progress where it has reported any, "
        "else by earlier tasks; null when that cannot be known."
    )
    expected_seconds: float | None = Field(
        description="Until it has ended, in answers to GET: how long it can be expected to work in all, without "
        "waiting and pauses. The median of the latest 20 completed tasks that it can be compared with."
    )
    expected_from: Basis | None = Field(
        description="What they have in common with it: `size`, the type and all params that decide how long it takes; "
        "or, where there is none of these, `type` alone."
    )
    eta_seconds: float | None
    stalled: bool
    heard_at: str | None = Field(description="External tasks: when their reporter was last heard of.")
    pending_command: str | None
    worker: str | None
    created_at: str
    started_at: str | None
    completed_at: str | None
    result: JsonObject | None
    error: str | None
    first_seq: int = Field(ge=1, description="From here on the history is whole; events before it are not kept.")
    last_seq: int
    links: Links


class TaskList(BaseModel):
    tasks: list[TaskResource]
    total: int
    next_cursor: str | None


class BatchLinks(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    self_: str = Field(alias="self")
    tasks: str
    cancel: str


class BatchCreated(BaseModel):
    id: str
    batch_id: str
    name: str
    created_at: str
    task_ids: list[str] = Field(description="In the order in which they were sent.")
    refs: dict[str, str] = Field(description="The id of each task that has a `ref`.")
    links: BatchLinks


class BatchResource(BaseModel):
    """A batch as it stands."""

    id: str
    batch_id: str
    name: str
    owner: str
    created_at: str
    status: Status = Field(description="Once all tasks have ended, the worst of their ends.")
    progress_percent: float = Field(description="The mean of its tasks; one that has ended counts as done.")
    total: int = Field(description="How many tasks it was submitted with.")
    counts: dict[Status, int]
    links: BatchLinks


class JobResource(BaseModel):
    """A training task as the clients of the training page know it."""

    id: str
    name: str
    status: str = Field(description="As of the task, but `stopped` for a cancelled one.")
    progress: float
    epoch: int = Field(description="The last one that is complete.")
    totalEpochs: int | None  # the name that its clients read
    loss: float | None
    accuracy: float | None
    startTime: str | None  # the same


class JobList(RootModel[list[JobResource]]):
    """Training tasks, newest first."""


class ScheduleLinks(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    self_: str = Field(alias="self")
    tasks: str


class ScheduleResource(BaseModel):
    """A schedule as it stands."""

    id: str
    schedule_id: str
    name: str
    owner: str
    created_at: str
    task: JsonObject
    cron: str | None
    every_seconds: int | None
    timezone: str
    missed_runs: MissedRuns
    overlap: Overlap
    paused: bool
    next_run_at: str | None = Field(description="Null while it is paused.")
    last_run_at: str | None
    last_task_id: str | None
    skipped_runs: int = Field(description="Runs that were left out because the last task still ran.")
    last_error: str | None = Field(description="Why the last run could submit no task.")
    links: ScheduleLinks


class ScheduleList(BaseModel):
    schedules: list[ScheduleResource]
    total: int
    next_cursor: str | None


class Envelope(BaseModel):
    """One event, the same on every transport."""

    task_id: str
    seq: int = Field(ge=1)
    event_type: EventType
    data: JsonObject
    timestamp: str


class EventList(BaseModel):
    events: list[Envelope]
    first_seq: int = Field(
        ge=1,
        description="From here on the history is whole. When it is greater than `since + 1`, the events between "
        "the two are not kept any longer, and this page starts here.",
    )
    last_seq: int
    epoch: str


class TaskResult(BaseModel):
    task_id: str
    result: JsonObject | None
    summary: JsonObject | None
    evolution: list[JsonObject]
    experiment_dir: str | None


class ArtifactInfo(BaseModel):
    path: str
    size: int
    modified_at: str
    url: str


class ArtifactList(BaseModel):
    artifacts: list[ArtifactInfo]


class SearchHit(BaseModel):
    path: str
    title: str
    score: float = Field(description="Greater is better; only to be compared within one answer.")
    snippet: str = Field(description="Plain text around the words that were found, not HTML.")
    marks: list[list[int]] = Field(
        description="Where they stand in `snippet`: [start, end) of each, counted in code points."
    )


class SearchAnswer(BaseModel):
    query: str
    total: int
    hits: list[SearchHit]
    took_ms: float


class Experiment(BaseModel):
    name: str
    path: str
    task_id: str
    summary: JsonObject | None


class ExperimentList(BaseModel):
    experiments: list[Experiment]
    total: int


class WorkloadInfo(BaseModel):
    type: str
    title: str
    description: str
    params_schema: JsonObject = Field(
        description="JSON Schema. The formats `input-file` and `input-folder` take what `POST /api/files` answers."
    )
    example: JsonObject
    external: bool = Field(
        description="Whether its tasks run elsewhere: whoever creates one reports it, and from here it can only be "
        "cancelled."
    )
    searchable: bool = Field(description="Whether `GET /api/tasks/{task_id}/search` looks into what its tasks leave.")


class WorkloadList(BaseModel):
    workloads: list[WorkloadInfo]
    broken: dict[str, str] = Field(description="Workloads that could not be loaded, and why.")


class BomReport(BaseModel):
    valid: bool
    num_components: int
    errors: list[Any]
    components: list[Any]


class Health(BaseModel):
    status: Literal["ok"]
    timestamp: str
    serializer: Literal["json", "msgpack"] = Field(description="How Socket.IO messages are written.")


class UploadedFile(BaseModel):
    name: str
    file: str = Field(description="What params of tasks take, such as `bom_file`.")
    bytes: int


class UploadShown(BaseModel):
    id: str
    folder: str = Field(description="What the `folder` of an `indexing` task takes.")
    created_at: str
    files: list[UploadedFile]


class UploadMade(UploadShown):
    file: str = Field(description="The first of the files.")


class UploadList(BaseModel):
    uploads: list[UploadShown]


class Subscriptions(BaseModel):
    tasks: int = Field(description="Of one task each, by whatever transport.")
    topics: dict[str, int] = Field(description="Listeners by topic.")


class Broadcasts(BaseModel):
    announced: int = Field(description="Messages of the topic since the start of the process.")
    sent: int = Field(description="Messages sent, counted for each listener; many may leave as one `batch`.")


class SocketStats(BaseModel):
    """Of the process that answers."""

    connections: dict[str, int] = Field(description="Open now: `socketio`, `websocket` (plain), `sse`.")
    subscriptions: Subscriptions
    broadcasts: dict[str, Broadcasts] = Field(description="By topic.")
    timestamp: str


class Readiness(BaseModel):
    status: Literal["ok", "unavailable"]
    checks: dict[str, str]
    timestamp: str


class Problem(BaseModel):
    """RFC 9457, with `error` (the same text as `detail`) for older clients."""

    type: str
    title: str
    status: int
    detail: str
    error: str
    errors: list[JsonObject] | None = None
