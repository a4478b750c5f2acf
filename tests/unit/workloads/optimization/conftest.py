"""A small problem, and runs without pictures."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def small_bom() -> dict[str, Any]:
    """Three boxes that are placed in no time."""
    return {
        "envelope": {"x": 150, "y": 150, "z": 150},
        "constraints": {"min_clearance_mm": 4, "max_cg_offset_mm": 20, "max_temp_c": 60},
        "components": [
            {"id": "a", "dimensions": {"x": 60, "y": 80, "z": 40}, "mass": 0.5, "power": 4},
            {"id": "b", "dimensions": {"x": 50, "y": 50, "z": 50}, "mass": 0.4, "power": 1, "quantity": 2},
        ],
    }


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take longer to draw than a small layout takes to find."""
    from api.workloads.optimization import plots

    monkeypatch.setattr(plots, "draw", lambda report, folder: [])
