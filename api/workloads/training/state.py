"""The whole state of a training as bytes, to go on from exactly here. Arrays and JSON: nothing in it is executed."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.workloads.training.trainer import METRICS, Best, Course, Trainer

_FORMAT = 1
_DIGEST = 32


def dump(trainer: Trainer, fingerprint: str) -> bytes:
    """A SHA-256 of the rest, then NumPy's .npz: optimiser, generator, best model and the epoch under way included."""
    arrays: dict[str, NDArray[Any]] = {
        "rows": np.array([[row[name] for name in METRICS] for row in trainer.rows]).reshape(-1, len(METRICS)),
        **_numbered("parameter", trainer.network.parameters),
        **_numbered("moment", trainer.optimizer.moments),
    }
    facts: dict[str, Any] = {
        "format": _FORMAT,
        "fingerprint": fingerprint,
        "random": trainer.random.bit_generator.state,
        "steps": trainer.optimizer.count,
    }
    if trainer.best is not None:
        facts["best"] = trainer.best.epoch
        arrays |= _numbered("best", trainer.best.parameters)
    if trainer.course is not None:
        course = trainer.course
        facts["course"] = {"batch": course.batch, "loss": course.loss, "right": course.right}
        arrays["order"] = course.order
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return hashlib.sha256(file.getvalue()).digest() + file.getvalue()


def restore(trainer: Trainer, state: bytes | None, fingerprint: str) -> bool:
    """Put a fresh trainer where `dump` stood. False, and nothing changed, where the state is of other inputs or
    versions, or is not whole."""
    if state is None or hashlib.sha256(state[_DIGEST:]).digest() != state[:_DIGEST]:
        return False
    with np.load(io.BytesIO(state[_DIGEST:]), allow_pickle=False) as arrays:
        facts = json.loads(arrays["facts"].tobytes())
        if (facts["format"], facts["fingerprint"]) != (_FORMAT, fingerprint):
            return False
        count = len(trainer.network.parameters)
        trainer.network.parameters = [arrays[f"parameter_{k}"] for k in range(count)]
        trainer.optimizer.moments = [arrays[f"moment_{k}"] for k in range(len(trainer.optimizer.moments))]
        trainer.optimizer.count = facts["steps"]
        trainer.random.bit_generator.state = facts["random"]
        trainer.rows = [dict(zip(METRICS, row, strict=True)) for row in arrays["rows"].tolist()]
        if "best" in facts:
            epoch = facts["best"]
            trainer.best = Best(epoch, trainer.rows[epoch - 1], [arrays[f"best_{k}"] for k in range(count)])
        if "course" in facts:
            trainer.course = Course(arrays["order"], **facts["course"])
    return True


def _numbered(name: str, parts: list[Any]) -> dict[str, Any]:
    return {f"{name}_{number}": part for number, part in enumerate(parts)}
