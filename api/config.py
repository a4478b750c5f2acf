"""Settings: one table of name, default and meaning, read once at start from the environment or `.env`.

`docs/reference/settings.md` is generated from this table.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from api.errors import ConfigError

PASSWORD_LEAST = 12
PREFIX = "RUNCAST_"
OPEN_WARNING = "RUNCAST_OPEN=1: whoever reaches this server can run tasks on it"
Folders = Annotated[tuple[Path, ...], NoDecode]
Names = Annotated[tuple[str, ...], NoDecode]
Limits = Annotated[dict[str, Annotated[int, Field(ge=1, le=1024)]], NoDecode]


class Settings(BaseSettings):
    """Every setting of the server. Each is the environment variable `RUNCAST_<NAME>`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(5000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    data_dir: Path = Field(Path("var"), description="Folder for everything that the server writes.")
    database_url: str = Field("", description="SQLAlchemy URL of the journal; empty: SQLite in the data folder.")
    sqlite_synchronous: Literal["NORMAL", "FULL"] = Field(
        "NORMAL", description="`NORMAL` survives a crash of the server, `FULL` also a loss of power."
    )
    retention_days: float = Field(
        0, ge=0, le=36500, description="Days for which the events of a task are kept; 0: for ever."
    )
    retention_events: int = Field(
        0, ge=0, lt=2**53, description="How many of its latest events are kept of each task; 0: all."
    )
    executor: Literal["local"] = Field("local", description="Where tasks run: child processes of the server.")
    max_workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        le=1024,
        description="Tasks that run at once; default: the number of CPUs.",
    )
    warm_workers: int = Field(
        2,
        ge=0,
        le=1024,
        description="Worker processes that wait with the workloads imported, so that a task starts at once; no more "
        "than slots of `RUNCAST_MAX_WORKERS` are free, and one where none is.",
    )
    tasks_per_worker: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="Tasks that a worker process has before another one takes its place; 1: each has a new one. Only "
        "one that has completed its task and left nothing behind has another.",
    )
    worker_memory_mb: int = Field(
        1024, ge=1, le=2**30, description="A worker process that takes more after a task is not used again."
    )
    task_memory_mb: int = Field(
        0,
        ge=0,
        le=2**30,
        description="What a task, and each process that it starts, may allocate beyond the worker itself; 0: any. "
        "Beyond it, allocations fail.",
    )
    task_open_files: int = Field(
        0,
        ge=0,
        le=2**30,
        description="Files and sockets that a task, and each process that it starts, may have open; 0: as the system "
        "has it.",
    )
    task_output_mb: int = Field(
        100,
        ge=0,
        le=2**30,
        description="What is kept of the log of one attempt; the rest is counted and left out; 0: all.",
    )
    type_limits: Limits = Field(
        {},
        description="How many tasks of a type run at once, at most, such as `optimization=1,training=2`; "
        "a type that is not named has no limit of its own.",
    )
    owner_limit: int = Field(0, ge=0, le=1024, description="How many tasks of one owner run at once, at most; 0: any.")
    retry_delay_seconds: float = Field(
        1.0,
        ge=0,
        le=86400,
        description="How long a task with more than one attempt waits after the first failed one, at most; each "
        "further one doubles it. A half of it is left to chance.",
    )
    retry_delay_most_seconds: float = Field(300.0, ge=0, le=86400, description="What that delay grows to, at most.")
    async_mode: Literal["eventlet", "gevent", "threading"] = Field(
        "eventlet", description="How the server waits. Under gunicorn its worker class decides."
    )
    auth: Literal["off"] = Field("off", description="Authentication; off is for the loopback only.")
    open: bool = Field(
        False,
        description="`1`: serve without authentication beyond the loopback too. For closed networks; "
        "warned of at each start and on every page.",
    )
    cors_origins: Names = Field(
        (),
        description="Other origins that may use this server, comma-separated, such as "
        "`https://lab.example`; `null` for pages opened from a file.",
    )
    trusted_proxies: int = Field(
        0, ge=0, le=10, description="How many reverse proxies in front set the `X-Forwarded-*` headers."
    )
    input_dirs: Folders = Field(
        (Path("config"),), description="Folders that input files may be read from, comma-separated."
    )
    upload_mb: int = Field(100, ge=1, le=2**20, description="MiB that one upload may have, all its files together.")
    uploads_mb: int = Field(10_240, ge=1, le=2**40, description="MiB that the uploads of one user may hold.")
    commands_file: Path | None = Field(
        None,
        description="TOML file of the commands that tasks may run, each a type of its own; none: no commands. "
        "See `docs/how-to/run-a-command.md`.",
    )
    log_format: Literal["console", "json"] = Field("console", description="Log lines for people or for machines.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level to log.")
    ping_interval_seconds: int = Field(
        25, ge=1, le=3600, description="Seconds between two pings to a Socket.IO client; less than a proxy's time-out."
    )
    ping_timeout_seconds: int = Field(
        20, ge=1, le=3600, description="Seconds that a Socket.IO client has to answer a ping."
    )
    compression: Literal["off", "on"] = Field(
        "off",
        description="Whether WebSockets are compressed for clients that offer it: about half the bytes of a message of "
        "500 or more, for 10 to 20 µs of work for each event, however many get it.",
    )
    serializer: Literal["json", "msgpack"] = Field(
        "json",
        description="How Socket.IO messages are written. `msgpack`: over WebSocket only, for clients with the parser; "
        "our pages and Python clients find out by themselves.",
    )
    reader_patience_seconds: float = Field(
        60.0,
        ge=1,
        le=3600,
        description="A client that takes nothing of what is sent to it for so long is disconnected.",
    )
    stalled_seconds: float = Field(
        60.0,
        gt=0,
        le=86_400,
        description="A task is shown as stalled when nothing is reported for so long, and for three times as long as "
        "it is usually silent; one that runs here then logs where it stands.",
    )
    lost_seconds: float = Field(
        86_400.0,
        ge=0,
        le=31_536_000,
        description="An external task fails when its reporter is not heard of for so long; 0: never.",
    )
    queue_alert: int = Field(
        1000,
        ge=0,
        le=1_000_000_000,
        description="Tasks that wait, from which on the topic `alerts` tells it; 0: never.",
    )
    disk_alert_mb: int = Field(
        1024,
        ge=0,
        le=2**40,
        description="MiB left on the disk of the data, below which the topic `alerts` tells it; 0: never.",
    )
    socketio_admin_password: str = Field(
        "",
        repr=False,
        description="Lets the Socket.IO Admin UI look at this server in the namespace `/admin`, as the user `admin` "
        "with this password: counts only, read-only. Empty: there is no such namespace.",
    )
    webhook_private: Names = Field(
        ("off",),
        description="Whether webhooks of alert rules may call addresses that are not public, such as `127.0.0.1` or "
        "`10.1.2.3`: `off`, `on`, or the host names and networks that they may, such as `hooks.lab,10.1.0.0/16`.",
    )
    webhook_tries: int = Field(8, ge=1, le=100, description="How often the call of a webhook is tried.")
    webhook_delay_seconds: float = Field(
        1.0,
        gt=0,
        le=3600,
        description="How long after the first try that failed the second one is made, at most; each further delay is "
        "four times as long, up to an hour. A half of it is left to chance.",
    )
    shutdown_grace_seconds: float = Field(
        10.0, ge=0, le=600, description="How long running tasks may take to stop when the server stops."
    )

    @field_validator("input_dirs", "cors_origins", "webhook_private", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("type_limits", mode="before")
    @classmethod
    def _limits(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        for name, equals, _ in pairs:
            if not equals or not name.strip():
                raise ValueError("write type=number, several separated by commas")
        return {name.strip(): number.strip() for name, _, number in pairs}

    @field_validator("socketio_admin_password")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if value and len(value) < PASSWORD_LEAST:
            raise ValueError(f"at least {PASSWORD_LEAST} characters, or none to switch it off")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _no_star(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "*" in value:
            raise ValueError(
                "'*' would let every web page act with the user's credentials; list the origins one by one"
            )
        for origin in value:
            if origin != "null" and not origin.startswith(("http://", "https://")):
                raise ValueError(f"{origin!r} is no origin: write scheme://host[:port]")
        return tuple(origin.rstrip("/") for origin in value)

    @model_validator(mode="after")
    def _loopback_only(self) -> Self:
        if not self.open and not is_loopback(self.host):
            raise ValueError(public_bind_message(self.host))
        return self

    @property
    def journal_url(self) -> str:
        """Where the journal is kept."""
        return self.database_url or f"sqlite:///{quote(str(self.data_dir.resolve() / 'runcast.db'))}"


def public_bind_message(host: str) -> str:
    return (
        f"refusing to listen on {host} without authentication: everybody who can reach this machine could "
        "run tasks on it. Set RUNCAST_HOST=127.0.0.1, or, on a closed network only, RUNCAST_OPEN=1"
    )


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without a port, means this machine only."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def load_settings() -> Settings:
    """The settings of this process; `ConfigError` names each wrong one."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [_explain(flaw["loc"], flaw["msg"]) for flaw in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def _explain(loc: tuple[int | str, ...], message: str) -> str:
    sentence = message.removeprefix("Value error, ")
    return f"{PREFIX}{str(loc[0]).upper()}: {sentence}" if loc else sentence
