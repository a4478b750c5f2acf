"""Checking a bill of materials before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import Blueprint

from api.access.principals import current_principal
from api.errors import Flaw, InvalidInput
from api.rest.parts import Parts
from api.rest.schemas import BomReport, BomToValidate
from api.runtime.offload import offload
from api.workloads.inputs import resolve_input
from api.workloads.optimization.bom import validate_bom


def create_bom(parts: Parts) -> Blueprint:
    blueprint = Blueprint("bom", __name__)

    @blueprint.post("/bom/validate")
    @parts.contract(body=BomToValidate, ok={200: BomReport}, tag="workloads")
    def validate(body: BomToValidate) -> dict[str, Any]:
        """Say whether a bill of materials can be used, and each thing that is wrong with it."""
        folders = [*parts.input_dirs, parts.folders.uploads(current_principal().user)]
        return offload(parts.runtime, lambda: validate_bom(body.bom if body.bom_file is None else _path(body, folders)))

    return blueprint


def _path(body: BomToValidate, folders: Sequence[Path]) -> Path:
    try:
        return resolve_input(body.bom_file or "", folders)
    except InvalidInput as error:
        raise InvalidInput(flaws=[Flaw(("bom_file",), error.message)]) from None
