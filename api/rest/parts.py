"""What the routes are built from: the services of one application, and the contract that wraps each view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from api.delivery.hub import Hub
from api.delivery.topics.census import Census
from api.domain.workload import Workload
from api.ports import Clock
from api.rest.contract import Contract
from api.runtime.base import Runtime
from api.services.batches import Batches
from api.services.control import Controller
from api.services.edit import Editor
from api.services.folders import Folders
from api.services.forecast import Forecasts
from api.services.health import Readiness
from api.services.query import Queries
from api.services.report import ExternalReports
from api.services.results import Results
from api.services.rules import Rules
from api.services.schedules import Schedules
from api.services.search import Searches
from api.services.submit import Submitter
from api.services.uploads import Uploads


@dataclass(frozen=True, slots=True)
class Parts:
    contract: Contract
    runtime: Runtime
    clock: Clock
    submitter: Submitter
    batches: Batches
    schedules: Schedules
    rules: Rules
    controller: Controller
    reports: ExternalReports
    queries: Queries
    forecasts: Forecasts
    editor: Editor
    results: Results
    searches: Searches
    readiness: Readiness
    hub: Hub
    workloads: Mapping[str, Workload]
    broken_workloads: Mapping[str, str]
    input_dirs: Sequence[Path]
    uploads: Uploads
    upload_bytes: int
    """Of one request."""
    folders: Folders
    serializer: str
    """Of Socket.IO messages: clients may ask which it is."""
    census: Census
