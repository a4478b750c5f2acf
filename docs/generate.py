"""Writes the generated pages of docs/reference; a test fails when one is out of date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from api.config import PREFIX, Settings

REFERENCE = Path(__file__).parent / "reference"
HEAD = """# Settings

Environment variables, or lines of a file `.env` in the working directory. They are read once, at start; a
wrong one is named and nothing starts. This page is generated from `api/config.py` by `make docs`.

| variable | default | meaning |
|---|---|---|
"""


def settings_page() -> str:
    """The table of every setting."""
    return HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    return f"| `{PREFIX}{name.upper()}` | {_default(name, field)} | {field.description} |\n"


def _default(name: str, field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "(see there)"
    return _shown(field.default)


def _shown(value: Any) -> str:
    if value is True or value is False:
        return f"`{int(value)}`"
    if isinstance(value, tuple):
        return f"`{','.join(str(part) for part in value)}`" if value else "none"
    return f"`{value}`" if value not in ("", None, {}) else "none"


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    (REFERENCE / "settings.md").write_text(settings_page())
