"""How far a task has moved: what its events mean to a list, the later in place of the earlier. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from api.domain.event import Event, EventType


@dataclass(frozen=True, slots=True)
class Moved:
    """`percent` and `message` are None as long as no event has said anything of them."""

    owner: str
    seq: int = 0
    begins: bool = False
    """Whether the first event of the task is among them."""
    percent: float | None = None
    message: str | None = None
    end: Event | None = None

    def and_then(self, later: Moved) -> Moved:
        """Both of them; in this order, or as far as they are the same."""
        begins = self.begins or later.begins
        if later.seq <= self.seq:
            return replace(self, begins=begins)
        return replace(
            later,
            begins=begins,
            percent=self.percent if later.percent is None else later.percent,
            message=self.message if later.message is None else later.message,
        )


def moved_by(owner: str, event: Event) -> Moved | None:
    """None for an event that changes nothing in a list."""
    begins = event.seq == 1
    if event.terminal:
        return Moved(owner, event.seq, begins, end=event)
    if event.type is EventType.PROGRESS:
        return Moved(owner, event.seq, begins, event.data["progress_percent"], event.data.get("message"))
    if event.type is EventType.STATUS_CHANGE:
        return Moved(owner, event.seq, begins, message=event.data.get("message") or "")
    return None
