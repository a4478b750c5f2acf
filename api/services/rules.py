"""Alert rules: what their owners do with them."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from api.access.principals import require
from api.domain.announcement import RuleAction, rule_change
from api.domain.merge_patch import patched
from api.domain.permission import Action, Principal, Role, allows
from api.domain.rule import COMMANDS, Condition, Delivery, Firing, Match, Reaction, Rule
from api.errors import Conflict, Flaw, InvalidInput, NotFound
from api.ports import Announcer, Clock, Store, Transaction

RULES_MAX = 200
"""Of one owner: each event of a task is held against all that fit it."""


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule, and how the latest call of its webhook went."""

    rule: Rule
    last_delivery: Delivery | None = None
    new_secret: str | None = None
    """Told once: the one that was made for it just now."""


@dataclass(frozen=True, slots=True)
class RuleViews:
    """A page of them, newest first."""

    views: tuple[RuleView, ...]
    total: int
    next_cursor: str | None


class Rules:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        announcer: Announcer,
        check_url: Callable[[str], object],
        changed: Callable[[], None],
    ) -> None:
        """`check_url` raises `InvalidInput` for one that no webhook may call; `changed` tells the watch."""
        self._store = store
        self._clock = clock
        self._announcer = announcer
        self._check_url = check_url
        self._changed = changed

    def create(
        self,
        principal: Principal,
        condition: Condition,
        match: Match,
        actions: Sequence[Reaction],
        options: Mapping[str, Any],
        *,
        secret: str | None = None,
    ) -> RuleView:
        """`options` are fields of the rule. `InvalidInput`; `Conflict` for an owner who has too many."""
        require(principal, Action.SUBMIT)
        now = self._clock()
        rule = Rule(
            id=str(uuid.uuid4()),
            owner=principal.user,
            created_at=now,
            since=now,
            condition=condition,
            match=match,
            actions=tuple(actions),
            everyone=principal.role is Role.ADMIN,
            **options,
        )
        self._check(rule)
        rule, made = _with_secret(rule, secret)
        self._store.write(lambda tx: _add(tx, rule))
        self._tell(rule, RuleAction.CREATED)
        return RuleView(rule, new_secret=made)

    def view(self, principal: Principal, rule_id: str) -> RuleView:
        return self._store.read(lambda tx: _viewed(tx, _visible(tx, principal, rule_id)))

    def page(self, principal: Principal, *, limit: int, cursor: str | None) -> RuleViews:
        """Newest first."""
        require(principal, Action.LIST)
        only = None if principal.role is Role.ADMIN else principal.user

        def read(tx: Transaction) -> RuleViews:
            page = tx.rules(visible_to=only, limit=limit, cursor=cursor)
            return RuleViews(tuple(_viewed(tx, rule) for rule in page.rules), page.total, page.next_cursor)

        return self._store.read(read)

    def edit(
        self,
        principal: Principal,
        rule_id: str,
        changes: Mapping[str, Any],
        *,
        match: Mapping[str, str | None],
        secret: str | None = None,
    ) -> RuleView:
        """`changes` are fields of the rule, `match` a merge patch of its match."""

        def change(tx: Transaction) -> RuleView:
            old = _visible(tx, principal, rule_id)
            require(principal, Action.EDIT, old)
            merged = Match(**patched(old.match.as_dict(), match))
            new = replace(old, **changes, match=merged, revision=old.revision + 1)
            self._check(new)
            new, made = _with_secret(new, secret)
            return replace(self._saved(tx, old, new), new_secret=made)

        view = self._store.write(change)
        self._tell(view.rule, RuleAction.UPDATED)
        return view

    def toggle(self, principal: Principal, rule_id: str, enabled: bool | None = None) -> RuleView:
        """Turn it on or off; None: the other way round."""

        def change(tx: Transaction) -> RuleView:
            old = _visible(tx, principal, rule_id)
            require(principal, Action.EDIT, old)
            wanted = not old.enabled if enabled is None else enabled
            return self._saved(tx, old, replace(old, enabled=wanted, revision=old.revision + 1))

        view = self._store.write(change)
        self._tell(view.rule, RuleAction.TOGGLED)
        return view

    def delete(self, principal: Principal, rule_id: str) -> None:
        """With its firings, and with what its webhook was still to be told."""

        def remove(tx: Transaction) -> Rule:
            rule = _visible(tx, principal, rule_id)
            require(principal, Action.DELETE, rule)
            tx.delete_rule(rule_id)
            return rule

        self._tell(self._store.write(remove), RuleAction.DELETED)

    def firings(self, principal: Principal, rule_id: str, *, limit: int) -> list[Firing]:
        """The latest first."""
        return self._store.read(lambda tx: tx.firings(_visible(tx, principal, rule_id).id, limit=limit))

    def deliveries(self, principal: Principal, rule_id: str, *, limit: int) -> list[Delivery]:
        """The latest first."""
        return self._store.read(lambda tx: tx.deliveries(_visible(tx, principal, rule_id).id, limit=limit))

    def _saved(self, tx: Transaction, old: Rule, new: Rule) -> RuleView:
        """A rule that looks for something else, or at other tasks, or again, begins anew."""
        anew = (old.condition, old.match, old.enabled) != (new.condition, new.match, new.enabled)
        if anew:
            new = replace(new, since=self._clock())
        if not tx.save_rule(new):
            raise Conflict("the rule was changed at the same time: look at it and try again")
        if anew:
            tx.begin_marks(new)
        return _viewed(tx, new)

    def _tell(self, rule: Rule, action: RuleAction) -> None:
        self._changed()
        details = {"name": rule.name, "enabled": rule.enabled}
        self._announcer.announce(rule_change(rule.id, action, details, owner=rule.owner))

    def _check(self, rule: Rule) -> None:
        flaws = [
            Flaw(("actions", number, *loc), message)
            for number, action in enumerate(rule.actions)
            for loc, message in self._flaws(rule, action)
        ]
        kinds = [action.type for action in rule.actions]
        if len(kinds) > len(set(kinds)) or len(COMMANDS.keys() & set(kinds)) > 1:
            flaws.append(Flaw(("actions",), "one of each at most, and either pause or stop"))
        if not rule.everyone and rule.match.owner not in (None, rule.owner):
            flaws.append(Flaw(("match", "owner"), "only an admin's rule looks at the tasks of others"))
        if flaws:
            raise InvalidInput(flaws=flaws)

    def _flaws(self, rule: Rule, action: Reaction) -> list[tuple[tuple[str, ...], str]]:
        if action.type in COMMANDS and rule.condition.at_the_end:
            return [((), f"a task that has ended cannot {action.type}")]
        try:
            if action.url is not None:
                self._check_url(action.url)
        except InvalidInput as error:
            return [(("url",), error.message)]
        return []


def _add(tx: Transaction, rule: Rule) -> None:
    if tx.count_rules(rule.owner) >= RULES_MAX:
        raise Conflict(f"there are {RULES_MAX} rules of yours already: delete some")
    tx.add_rule(rule)
    tx.begin_marks(rule)


def _with_secret(rule: Rule, given: str | None) -> tuple[Rule, str | None]:
    """With the secret that its webhook needs, and that secret if it had to be made."""
    if rule.webhook is None:
        return replace(rule, secret=""), None
    if given is not None or rule.secret:
        return replace(rule, secret=given or rule.secret), None
    made = secrets.token_urlsafe(32)
    return replace(rule, secret=made), made


def _viewed(tx: Transaction, rule: Rule) -> RuleView:
    return RuleView(rule, next(iter(tx.deliveries(rule.id, limit=1)), None))


def _visible(tx: Transaction, principal: Principal, rule_id: str) -> Rule:
    rule = tx.rule(rule_id)
    if rule is None or not allows(principal, Action.VIEW, rule):
        raise NotFound("There is no such rule.")
    return rule
