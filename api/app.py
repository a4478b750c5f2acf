"""The composition root of the server: settings in, a Flask application with everything behind it out."""

from __future__ import annotations

import hmac
import logging
import os
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from flask import Flask
from flask_cors import CORS

from api.access.guard import guarded
from api.access.origins import LOOPBACK_ORIGIN, OriginPolicy
from api.bus.memory import MemoryBus
from api.config import Settings, load_settings
from api.delivery.devices.feed import Feed
from api.delivery.devices.handler import DevicesNamespace
from api.delivery.devices.identity import DeviceCookies
from api.delivery.dialects.rule import webhook_body
from api.delivery.everything import Everything
from api.delivery.hub import Hub
from api.delivery.socketio.handler import TasksNamespace
from api.delivery.socketio.realtime import RealtimeNamespace
from api.delivery.topics.census import Census
from api.delivery.topics.hub import Topics
from api.delivery.topics.logs import TopicHandler
from api.delivery.topics.news import News
from api.delivery.topics.stats import Stats
from api.delivery.websocket.routes import WebSockets
from api.domain.announcement import system_event
from api.domain.forecast import Places
from api.domain.retry import RetryPolicy
from api.domain.workload import Workload
from api.errors import ConfigError
from api.execution.pool import Care
from api.execution.supervisor import LocalRunner
from api.fanout import SocketIO
from api.fanout.plain import PlainSockets
from api.goodbye import Door, dismiss
from api.lifecycle import Backstage, Loop
from api.log import get_logger
from api.pages import create_pages
from api.rest.application import create_spec, register_rest
from api.rest.contract import Contract
from api.rest.parts import Parts
from api.rest.problems import register_problems
from api.runtime.base import Runtime
from api.runtime.choose import current_runtime
from api.runtime.lockfile import LockFile
from api.runtime.offload import offload
from api.services.announce import Announcements
from api.services.batches import Batches
from api.services.control import Controller
from api.services.deliveries import Deliveries
from api.services.devices import Devices
from api.services.dispatch import Bounds, Dispatcher
from api.services.edit import Editor
from api.services.emit import Emitter
from api.services.folders import Folders
from api.services.follow_up import FollowUp
from api.services.forecast import Forecasts
from api.services.grant import Grants, Limits
from api.services.health import OK, Readiness
from api.services.publish import Publisher
from api.services.query import Queries
from api.services.reactions import Reactions
from api.services.report import ExternalReports
from api.services.results import Results
from api.services.retention import Retention
from api.services.rule_watch import RuleWatch
from api.services.rules import Rules
from api.services.scheduler import Scheduler
from api.services.schedules import Schedules
from api.services.search import Searches
from api.services.silence import Silence
from api.services.submit import Check, Submitter
from api.services.uploads import Uploads
from api.services.watch import Marks, Watch
from api.store.sql import SqlStore
from api.webhook.call import Caller
from api.webhook.target import Targets
from api.workloads.command.file import load_commands
from api.workloads.registry import Workloads, load_workloads, validate_params

_log = get_logger(__name__)
ROOT = Path(__file__).resolve().parent.parent
MEGABYTE = 1024 * 1024
MAX_BODY = MEGABYTE
BUS_SECONDS = 2.0
WEBHOOK_DELAY_MOST = 3600.0
MAX_SOCKET_MESSAGE = 64 * 1024
SERVICE_RESTART = 1012


@dataclass(frozen=True, slots=True)
class Runcast:
    """One application of this process."""

    settings: Settings
    app: Flask
    socketio: SocketIO
    sockets: PlainSockets
    emitter: Emitter
    announcements: Announcements
    topics: Topics
    backstage: Backstage
    door: Door

    def start(self) -> None:
        """Begin to run tasks and to look for lost doorbells; a second call does nothing."""
        if self.backstage.start():
            logging.getLogger().addHandler(TopicHandler(self.topics))
            self._tell("server_started", f"a server has started (process {os.getpid()})")

    def _tell(self, event: str, message: str) -> None:
        data = {"version": runcast_version(), "pid": os.getpid(), "host": socket.gethostname()}
        self.announcements.announce(system_event(event, message, data))

    def goodbye(self) -> None:
        """Ask running tasks to stop, and have everyone on a socket look for a server anew. Does not wait."""
        if not self.door.shut:
            self._tell("server_stopping", f"a server stops (process {os.getpid()}); connect again in a moment")
            self.topics.settle()
        self.door.shut = True
        self.backstage.leave()
        dismiss(self.socketio.server.eio, lambda: self.socketio.sleep(0))
        for connection in list(self.sockets.sockets):
            connection.close(SERVICE_RESTART, "the server is stopping; connect again in a moment")

    def goodbye_while(self, leaving: Callable[[], bool]) -> None:
        """Say `goodbye` once `leaving()`, and to whom comes after that too: gunicorn accepts for a while longer."""
        self.backstage.call_while(leaving, self.goodbye)

    def stop(self) -> None:
        """End running tasks within the grace, then close the store; a second call does nothing."""
        self.backstage.stop(self.settings.shutdown_grace_seconds)


def create_app(settings: Settings | None = None) -> Runcast:
    """Everything wired together, nothing started yet. `ConfigError` names what is wrong with the settings."""
    settings = settings or load_settings()
    runtime = current_runtime()
    cookies = DeviceCookies()
    app = _flask(settings, cookies)
    policy = OriginPolicy(settings)
    socketio = _socketio(app, settings, runtime, policy, cookies)
    return _assemble(settings, runtime, app, socketio, policy, cookies)


def utc_now() -> datetime:
    return datetime.now(UTC)


def runcast_version() -> str:
    try:
        return version("runcast")
    except PackageNotFoundError:
        return "0.0.0"


def _flask(settings: Settings, cookies: DeviceCookies) -> Flask:
    app = Flask("api", root_path=str(ROOT), template_folder="templates", static_folder="static")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of Flask's default provider
    CORS(app, resources=r"/(api/.*|openapi\.json)", origins=[*settings.cors_origins, LOOPBACK_ORIGIN])
    app.register_blueprint(create_pages(open_warning=settings.open, greet=cookies.page_headers))
    register_problems(app)
    return app


def _socketio(
    app: Flask, settings: Settings, runtime: Runtime, policy: OriginPolicy, cookies: DeviceCookies
) -> SocketIO:
    return SocketIO(
        app,
        async_mode=runtime.name,
        cors_allowed_origins=policy.allows,
        max_http_buffer_size=MAX_SOCKET_MESSAGE,
        manage_session=False,
        async_handlers=False,  # what one connection asks for is done in its order
        ping_interval=settings.ping_interval_seconds,
        ping_timeout=settings.ping_timeout_seconds,
        patience_seconds=settings.reader_patience_seconds,
        compression=settings.compression == "on",
        greet=cookies.headers,
        **_serialization(settings),
    )


def _show_to_admins(socketio: SocketIO, password: str) -> None:
    """Counts for the Socket.IO Admin UI; what is sent to clients is not among them."""

    def known(auth: Any) -> bool:
        given = str(auth.get("password", "")) if isinstance(auth, dict) and auth.get("username") == "admin" else ""
        return hmac.compare_digest(given.encode(), password.encode())

    socketio.server.instrument(auth=known, mode="production", read_only=True)


def _serialization(settings: Settings) -> dict[str, Any]:
    if settings.serializer == "json":
        return {}
    return {"serializer": "msgpack", "transports": ["websocket"]}  # polling would carry it as base64


class _Core:
    """What every part is built on: the journal, the bell, the writers of state."""

    def __init__(self, settings: Settings, runtime: Runtime, socketio: SocketIO) -> None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.runtime = runtime
        self.socketio = socketio
        self.store = SqlStore(settings.journal_url, runtime, synchronous=settings.sqlite_synchronous)
        self.bus = MemoryBus(runtime)
        self.publisher = Publisher(self.store, self.bus, utc_now)
        self.topics = Topics(runtime, utc_now)
        self.announcements = Announcements(self.store, utc_now, runtime, self.topics)
        self.lock = LockFile(settings.data_dir / "executor.lock")
        self.folders = Folders(settings.data_dir)
        self.queries = Queries(self.store, utc_now)
        self.grants = Grants(
            self.store,
            self.publisher,
            utc_now,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            retry=RetryPolicy(settings.retry_delay_seconds, settings.retry_delay_most_seconds),
            limits=Limits(settings.type_limits, settings.owner_limit or None),
        )

    def runs_tasks(self) -> bool:
        """Whether this is the process that does, of all on this data folder."""
        return self.lock.held


def _assemble(
    settings: Settings, runtime: Runtime, app: Flask, socketio: SocketIO, policy: OriginPolicy, cookies: DeviceCookies
) -> Runcast:
    core = _Core(settings, runtime, socketio)
    workloads = _workloads(settings)
    hub = Hub(core.store, core.bus, runtime)
    everything = Everything(core.store, core.bus, runtime)
    dispatcher = _dispatcher(core, workloads)
    controller = Controller(core.store, core.publisher, dispatcher.heed)
    check = _check(core)
    submitter = _submitter(core, workloads, check, dispatcher)
    follow_up = FollowUp(core.store, core.publisher, controller, utc_now, runtime, workloads, check, dispatcher.wake)
    reports = ExternalReports(core.store, core.publisher, workloads)
    scheduler = Scheduler(core.store, core.publisher, utc_now, runtime, submitter, follow_up)
    News(core.topics, everything, core.store, runtime)
    sockets = PlainSockets(socketio.server.eio, patience_seconds=settings.reader_patience_seconds)
    census = Census(socketio, sockets, core.topics)
    stats = Stats(core.topics, core.store, runtime, census.connections)
    alerts = _Alerts(core, controller, dispatcher)
    loops = (follow_up, scheduler, core.announcements, stats, alerts.watch, alerts.deliveries)
    backstage = _backstage(core, dispatcher, (hub.sweep, everything.sweep), loops)
    spec = create_spec(runcast_version())
    parts = Parts(
        contract=Contract(spec),
        runtime=runtime,
        clock=utc_now,
        submitter=submitter,
        batches=Batches(core.store, core.publisher, utc_now, runtime, submitter, controller, follow_up),
        schedules=Schedules(core.store, utc_now, submitter, scheduler.wake),
        rules=alerts.rules,
        controller=controller,
        reports=reports,
        queries=core.queries,
        forecasts=Forecasts(core.store, utc_now, workloads, _places(settings)),
        editor=Editor(core.store, runtime, core.folders),
        results=Results(core.queries, runtime, core.folders),
        searches=Searches(core.queries, runtime, core.folders, workloads),
        readiness=_readiness(core, backstage),
        hub=hub,
        workloads=workloads,
        broken_workloads=workloads.broken,
        input_dirs=settings.input_dirs,
        uploads=Uploads(core.folders, runtime, most_bytes=settings.uploads_mb * MEGABYTE),
        upload_bytes=settings.upload_mb * MEGABYTE,
        folders=core.folders,
        serializer=settings.serializer,
        census=census,
    )
    register_rest(app, spec, parts)
    TasksNamespace(socketio, runtime, hub, everything, core.queries, controller, submitter, reports, utc_now).register()
    devices = Devices(core.store, core.publisher, utc_now, submitter, reports)
    feed = Feed(everything, devices, socketio, runtime)
    DevicesNamespace(socketio, runtime, feed, devices, cookies, utc_now).register()
    RealtimeNamespace(socketio, core.topics, utc_now).register()
    if settings.socketio_admin_password:
        _show_to_admins(socketio, settings.socketio_admin_password)
    door = Door(guarded(WebSockets(app.wsgi_app, sockets, parts, everything, core.topics), settings, policy))
    app.wsgi_app = door  # type: ignore[method-assign]  # Flask's documented way
    return Runcast(
        settings=settings,
        app=app,
        socketio=socketio,
        sockets=sockets,
        emitter=Emitter(core.store, core.publisher),
        announcements=core.announcements,
        topics=core.topics,
        backstage=backstage,
        door=door,
    )


def _dispatcher(core: _Core, workloads: Workloads) -> Dispatcher:
    return Dispatcher(
        runtime=core.runtime,
        spawn=core.socketio.start_background_task,
        grants=core.grants,
        publisher=core.publisher,
        runner=LocalRunner(core.runtime, care=_care(core.settings, workloads)),
        folders=core.folders,
        slots=core.settings.max_workers,
        stalled_seconds=core.settings.stalled_seconds,
        bounds=_bounds(core.settings),
        input_dirs=core.settings.input_dirs,
        workloads=workloads,
        announcer=core.announcements,
    )


class _Alerts:
    """The rules, who holds events against them, and who calls their webhooks."""

    def __init__(self, core: _Core, controller: Controller, dispatcher: Dispatcher) -> None:
        settings, store, runtime = core.settings, core.store, core.runtime
        targets = _targets(settings)
        caller = Caller(runtime, targets, agent=f"runcast/{runcast_version()}")
        self.deliveries = Deliveries(
            store,
            utc_now,
            runtime,
            caller.call,
            RetryPolicy(settings.webhook_delay_seconds, WEBHOOK_DELAY_MOST, factor=4),
            tries=settings.webhook_tries,
            holds=core.runs_tasks,
        )
        reactions = Reactions(
            core.publisher,
            controller,
            core.announcements,
            utc_now,
            webhook_body,
            dispatcher.heed,
            self.deliveries.wake,
        )
        self.watch = RuleWatch(store, core.bus, utc_now, runtime, reactions, core.runs_tasks)
        self.rules = Rules(store, utc_now, core.announcements, targets.target, self.watch.rules_changed)


def _targets(settings: Settings) -> Targets:
    try:
        return Targets(settings.webhook_private)
    except ValueError as error:
        raise ConfigError(f"RUNCAST_WEBHOOK_PRIVATE: {error}") from None


def _care(settings: Settings, workloads: Workloads) -> Care:
    return Care(
        ahead=min(settings.warm_workers, settings.max_workers),
        slots=settings.max_workers,
        tasks=settings.tasks_per_worker,
        memory=settings.worker_memory_mb * MEGABYTE,
        types=[type_ for type_, workload in workloads.items() if workload.definition is None and not workload.external],
    )


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        memory_bytes=settings.task_memory_mb * MEGABYTE or None,
        open_files=settings.task_open_files or None,
        output_bytes=settings.task_output_mb * MEGABYTE or None,
    )


def _places(settings: Settings) -> Places:
    """The same limits as the dispatcher's."""
    return Places(settings.max_workers, settings.type_limits, settings.owner_limit or None)


def _workloads(settings: Settings) -> Workloads:
    workloads = load_workloads()
    if settings.commands_file is not None:
        commands, missing = load_commands(settings.commands_file)
        if taken := sorted(commands.keys() & workloads.keys()):
            names = ", ".join(f"commands.{name}" for name in taken)
            raise ConfigError(f"{settings.commands_file}: {names}: a workload of this type is installed already")
        workloads |= commands
        workloads.broken |= missing
    return workloads


def _check(core: _Core) -> Check:
    def check(workload: Workload, params: Mapping[str, Any], owner: str, later: Collection[str] = ()) -> dict[str, Any]:
        return validate_params(workload, params, [*core.settings.input_dirs, core.folders.uploads(owner)], later)

    return check


def _submitter(core: _Core, workloads: Workloads, check: Check, dispatcher: Dispatcher) -> Submitter:
    def copy_checkpoint(task_id: str, to_task_id: str) -> bool:
        return offload(core.runtime, lambda: core.folders.copy_checkpoint(task_id, to_task_id))

    return Submitter(core.store, core.publisher, utc_now, workloads, check, dispatcher.wake, copy_checkpoint)


def _backstage(
    core: _Core, dispatcher: Dispatcher, sweeps: Sequence[Callable[[], None]], loops: Sequence[Loop]
) -> Backstage:
    lock, settings = core.lock, core.settings
    silence = Silence(core.store, core.publisher, utc_now, floor=settings.stalled_seconds, lost=settings.lost_seconds)

    def sweep_silence() -> None:
        if core.runs_tasks():
            silence.sweep()

    watch = Watch(
        core.store,
        core.runtime,
        core.announcements,
        settings.data_dir,
        Marks(settings.queue_alert, settings.disk_alert_mb * MEGABYTE),
        core.runs_tasks,
    )
    return Backstage(
        runtime=core.runtime,
        spawn=core.socketio.start_background_task,
        lock=lock,
        grants=core.grants,
        dispatcher=dispatcher,
        sweeps=(*sweeps, sweep_silence),
        loops=(*loops, watch),
        store=core.store,
        retention=_retention(core),
    )


def _retention(core: _Core) -> Retention:
    settings = core.settings
    return Retention(
        core.store, utc_now, core.runtime.sleep, days=settings.retention_days, events=settings.retention_events
    )


def _readiness(core: _Core, backstage: Backstage) -> Readiness:
    def database() -> str:
        core.queries.epoch()
        core.store.write(lambda tx: tx.touch())  # a database that can only be read is no journal
        return OK

    def bus() -> str:
        heard = core.runtime.waiter()
        core.runtime.post(heard.set)
        return OK if heard.wait(BUS_SECONDS) else f"the hub has not answered for {BUS_SECONDS:g} s"

    return Readiness({"database": database, "bus": bus, "executor": backstage.condition})
