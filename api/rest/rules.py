"""Alert rules: create, list, look at, edit, toggle, delete; what they fired for, and how their webhooks went."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from api.access.principals import current_principal
from api.delivery.dialects.rule import delivery_resource, firing_resource, rule_resource
from api.domain.rule import Match, Reaction, ReactionKind, condition_from
from api.rest.parts import Parts
from api.rest.rule_schemas import (
    DeliveryList,
    FiringList,
    RuleAction,
    RuleCreate,
    RuleEdit,
    RuleHistoryQuery,
    RuleList,
    RuleQuery,
    RuleResource,
    RuleToggle,
    RuleWebhook,
)
from api.services.rules import RuleView

_PLAIN = ("name", "enabled", "cooldown_seconds")


def create_rules(parts: Parts) -> Blueprint:
    blueprint = Blueprint("rules", __name__)
    _add_collection(blueprint, parts)
    _add_item(blueprint, parts)
    _add_history(blueprint, parts)
    return blueprint


def _add_collection(blueprint: Blueprint, parts: Parts) -> None:
    @blueprint.post("/rules")
    @parts.contract(body=RuleCreate, ok={201: RuleResource}, fails=(409,), tag="rules")
    def create_rule(body: RuleCreate) -> tuple[Response, int]:
        """Have something done when a task fails, ends or stalls, or a metric goes wrong.

        The answer is the only one that shows the secret that was made for a webhook.
        """
        view = parts.rules.create(
            current_principal(),
            condition_from(body.condition.model_dump()),
            Match(**body.match.model_dump()),
            _actions(body.actions),
            {name: getattr(body, name) for name in _PLAIN},
            secret=_secret(body.actions),
        )
        resource = _resource(view)
        response = jsonify(resource)
        response.headers["Location"] = resource["links"]["self"]
        return response, 201

    @blueprint.get("/rules")
    @parts.contract(query=RuleQuery, ok={200: RuleList}, tag="rules")
    def list_rules(query: RuleQuery) -> dict[str, Any]:
        """List rules, newest first."""
        page = parts.rules.page(current_principal(), limit=query.limit, cursor=query.cursor)
        return {"rules": [_resource(view) for view in page.views], "total": page.total, "next_cursor": page.next_cursor}


def _add_item(blueprint: Blueprint, parts: Parts) -> None:
    @blueprint.get("/rules/<rule_id>")
    @parts.contract(ok={200: RuleResource}, tag="rules")
    def get_rule(rule_id: str) -> dict[str, Any]:
        """One rule, with how the latest call of its webhook went."""
        return _resource(parts.rules.view(current_principal(), rule_id))

    @blueprint.patch("/rules/<rule_id>")
    @parts.contract(body=RuleEdit, ok={200: RuleResource}, fails=(409,), tag="rules")
    def edit_rule(rule_id: str, body: RuleEdit) -> dict[str, Any]:
        """Change a rule; with another condition or match it begins anew, at what is reported from then on."""
        changes = {name: getattr(body, name) for name in _PLAIN if getattr(body, name) is not None}
        if body.condition is not None:
            changes["condition"] = condition_from(body.condition.model_dump())
        if body.actions is not None:
            changes["actions"] = _actions(body.actions)
        match = {} if body.match is None else body.match.model_dump(exclude_unset=True)
        secret = _secret(body.actions or [])
        return _resource(parts.rules.edit(current_principal(), rule_id, changes, match=match, secret=secret))

    @blueprint.delete("/rules/<rule_id>")
    @parts.contract(ok={204: None}, tag="rules")
    def delete_rule(rule_id: str) -> tuple[str, int]:
        """Forget a rule, with what it fired for and what its webhook was still to be told."""
        parts.rules.delete(current_principal(), rule_id)
        return "", 204

    @blueprint.post("/rules/<rule_id>/toggle")
    @parts.contract(body=RuleToggle, body_optional=True, ok={200: RuleResource}, fails=(409,), tag="rules")
    def toggle_rule(rule_id: str, body: RuleToggle) -> dict[str, Any]:
        """Turn a rule off, or on again: it begins anew then."""
        return _resource(parts.rules.toggle(current_principal(), rule_id, body.enabled))


def _add_history(blueprint: Blueprint, parts: Parts) -> None:
    @blueprint.get("/rules/<rule_id>/firings")
    @parts.contract(query=RuleHistoryQuery, ok={200: FiringList}, tag="rules")
    def list_firings(rule_id: str, query: RuleHistoryQuery) -> dict[str, Any]:
        """What a rule fired for, the latest first."""
        found = parts.rules.firings(current_principal(), rule_id, limit=query.limit)
        return {"firings": [firing_resource(each) for each in found]}

    @blueprint.get("/rules/<rule_id>/deliveries")
    @parts.contract(query=RuleHistoryQuery, ok={200: DeliveryList}, tag="rules")
    def list_deliveries(rule_id: str, query: RuleHistoryQuery) -> dict[str, Any]:
        """The calls of its webhook, made and to be made, the latest first."""
        found = parts.rules.deliveries(current_principal(), rule_id, limit=query.limit)
        return {"deliveries": [delivery_resource(each) for each in found]}


def _resource(view: RuleView) -> dict[str, Any]:
    return rule_resource(view.rule, view.last_delivery, view.new_secret)


def _actions(bodies: list[RuleAction]) -> tuple[Reaction, ...]:
    return tuple(
        Reaction(ReactionKind(body.type), body.url if isinstance(body, RuleWebhook) else None) for body in bodies
    )


def _secret(bodies: list[RuleAction]) -> str | None:
    return next((body.secret for body in bodies if isinstance(body, RuleWebhook)), None)
