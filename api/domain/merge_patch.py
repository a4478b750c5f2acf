"""JSON Merge Patch (RFC 7396): a change of a JSON object, written as the part of it that changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def patched(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`target` with the members of `patch` in place of its own; one that is None goes, objects are patched in turn."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            before = result.get(name)
            result[name] = patched(before if isinstance(before, Mapping) else {}, value)
        else:
            result[name] = value
    return result
