"""Who may do what: one function decides for every transport."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Action(StrEnum):
    LIST = "list"
    VIEW = "view"
    SUBMIT = "submit"
    EDIT = "edit"
    CONTROL = "control"
    DELETE = "delete"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking. `local` is everybody while authentication is off."""

    user: str
    role: Role


LOCAL = Principal("local", Role.ADMIN)
_READING = frozenset({Action.LIST, Action.VIEW})


class Owned(Protocol):
    """A task, a batch, a schedule."""

    @property
    def owner(self) -> str: ...


def allows(principal: Principal, action: Action, task: Owned | None = None) -> bool:
    """Whether `principal` may do `action`, to `task` where there is one.

    A viewer reads what is its own, an operator also submits and controls what is its own, an admin
    does everything to everything.
    """
    if principal.role is Role.ADMIN:
        return True
    if task is not None and task.owner != principal.user:
        return False
    return action in _READING or principal.role is Role.OPERATOR
