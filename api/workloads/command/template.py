"""What an operator writes about a command: the shape of one `[commands.<name>]` in the file."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MAX_TEXT = 1000
"""Characters of a string param, unless the template says otherwise."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Param(Strict):
    """What every kind of param has. One without a default must be given, unless `required = false`."""

    title: str | None = None
    description: str | None = None
    required: bool | None = None
    default: Any = None

    @property
    def optional(self) -> bool:
        return self.required is False or self.default is not None


class StringParam(Param):
    type: Literal["string"]
    pattern: str | None = None
    """The whole value has to match."""
    min_length: int = Field(0, ge=0)
    max_length: int = Field(MAX_TEXT, ge=1, le=100_000)
    leading_dash: bool = False
    """Whether it may begin with `-`, and so be taken for an option."""


class ChoiceParam(Param):
    type: Literal["choice"]
    choices: list[str] = Field(min_length=1)


class IntegerParam(Param):
    type: Literal["integer"]
    min: int | None = None
    max: int | None = None


class NumberParam(Param):
    type: Literal["number"]
    min: float | None = None
    max: float | None = None


class BooleanParam(Param):
    type: Literal["boolean"]
    flag: str = Field(min_length=1)
    """The argument that stands for true; for false there is none."""


class FileParam(Param):
    """A file in the input folders; the command gets its absolute path."""

    type: Literal["file"]


AnyParam = Annotated[
    StringParam | ChoiceParam | IntegerParam | NumberParam | BooleanParam | FileParam, Field(discriminator="type")
]


def _expression(pattern: str) -> str:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    if not compiled.groupindex:
        raise ValueError("has no named group, such as (?P<current>\\d+)")
    return pattern


def _progress(pattern: str) -> str:
    groups = re.compile(_expression(pattern)).groupindex.keys()
    if not (groups == {"percent"} or {"current"} <= groups <= {"current", "total"}):
        raise ValueError("needs the group percent, or current and perhaps total, and no other")
    return pattern


Expression = Annotated[str, AfterValidator(_expression)]
ProgressExpression = Annotated[str, AfterValidator(_progress)]


class Template(Strict):
    """One command. A list inside `argv` is left out as a whole when a param in it is not given."""

    title: str | None = None
    description: str = ""
    argv: list[str | list[str]] = Field(min_length=1)
    params: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], AnyParam] = Field(default_factory=dict)
    stdin: str | None = None
    """`{name}` of a file param; else the command has nothing to read."""
    cwd: str | None = Field(None, pattern=r"^/")
    """By default the task's folder of artefacts, where what it writes is kept."""
    env: dict[str, str] = Field(default_factory=dict)
    pass_env: list[str] = Field(default_factory=list)
    """Variables of the server's environment that the command gets too."""
    timeout_seconds: float | None = Field(None, gt=0)
    guess_progress: bool = True
    """Whether percentages, `12/100` and bars in the output are taken for progress."""
    progress: list[ProgressExpression] = Field(default_factory=list)
    metrics: list[Expression] = Field(default_factory=list)
    example: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not isinstance(self.argv[0], str) or list(placeholders(self.argv[0])):
            raise ValueError("argv: the first is the program, a plain text")
        used = set()
        for argument in self.arguments():
            used |= set(self._checked("argv", argument))
        if self.stdin is not None:
            used |= set(self._checked("stdin", self.stdin))
            if not isinstance(self.params.get(self.stdin.strip("{}")), FileParam):
                raise ValueError("stdin: must be {name} of a file param")
        for name in self.params.keys() - used:
            raise ValueError(f"params.{name}: is not used by argv nor by stdin")
        return self

    def arguments(self) -> Iterator[str]:
        for each in self.argv:
            yield from [each] if isinstance(each, str) else each

    def _checked(self, where: str, text: str) -> Iterator[str]:
        for name in placeholders(text):
            param = self.params.get(name)
            if param is None:
                raise ValueError(f"{where}: there is no param {name!r}; for a plain brace write {{{{ or }}}}")
            if isinstance(param, BooleanParam) and text != f"{{{name}}}":
                raise ValueError(f"{where}: {{{name}}} is a boolean, which must stand alone")
            yield name


def placeholders(text: str) -> Iterator[str]:
    """The names in braces; ValueError for braces that are something else."""
    for _, name, spec, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        if spec or conversion or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise ValueError(f"{text!r}: only {{name}} may stand in braces; for a plain brace write {{{{ or }}}}")
        yield name
