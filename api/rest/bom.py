"""Checking a bill of materials before it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint

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
        return offload(parts.runtime, lambda: validate_bom(body.bom if body.bom_file is None else _path(body, parts)))

    return blueprint


def _path(body: BomToValidate, parts: Parts) -> Path:
    try:
        return resolve_input(body.bom_file or "", parts.input_dirs)
    except InvalidInput as error:
        raise InvalidInput(flaws=[Flaw(("bom_file",), error.message)]) from None
