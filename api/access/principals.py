"""Who is asking. While authentication is off, everybody on the loopback is `local`."""

from __future__ import annotations

from api.domain.permission import LOCAL, Action, Owned, Principal, allows
from api.errors import Forbidden, NotFound


def current_principal() -> Principal:
    """The principal of the present request or socket."""
    return LOCAL


def require(principal: Principal, action: Action, task: Owned | None = None) -> None:
    """Pass, or raise: `NotFound` for a task that the principal may not even see, else `Forbidden`."""
    if allows(principal, action, task):
        return
    if task is not None and not allows(principal, Action.VIEW, task):
        raise NotFound()
    raise Forbidden(f"the role {principal.role} may not {action} here")
