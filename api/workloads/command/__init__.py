"""Commands: programs that the operator lists in a file, each a type of task of its own.

The API's users choose among them and give typed params; they never write a command. See docs/how-to/run-a-command.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from api.domain.workload import Context, Workload
from api.workloads.command.params import arguments, params_model, stdin_path
from api.workloads.command.process import Program, environment
from api.workloads.command.progress import Finder, Metrics
from api.workloads.command.template import Template


def command_workload(name: str, definition: Mapping[str, Any]) -> Workload:
    """The type of task that runs a command. `definition` is its template, as a file or `Workload.definition` has it.

    pydantic's `ValidationError` says what is wrong with it, `ValueError` where the params contradict themselves.
    """
    template = Template.model_validate(dict(definition))
    return Workload(
        type=name,
        title=template.title or name,
        params=params_model(name, template),
        run=partial(run, template),
        description=template.description,
        example=template.example,
        definition=template.model_dump(mode="json", exclude_unset=True),
    )


def run(template: Template, params: Any, ctx: Context) -> Mapping[str, Any]:
    """Run the command to its end: code 0 is the result, everything else fails the task."""
    values = params.model_dump()
    program = Program(
        arguments(template, values, ctx.input_path),
        ctx,
        cwd=Path(template.cwd) if template.cwd else ctx.artifact_dir,
        env=environment(template.env, template.pass_env, os.environ),
        stdin=stdin_path(template, values, ctx.input_path),
    )
    finder = Finder(template.progress, guess=template.guess_progress)
    program.run(finder, Metrics(template.metrics), template.timeout_seconds)
    return {"exit_code": 0}
