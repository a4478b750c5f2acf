"""What a user says when submitting an indexing task."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints, field_validator

from api.workloads import InputFolder

PATTERNS = ("*.txt", "*.md", "*.markdown", "*.html", "*.htm", "*.pdf")
MAX_FILE_MB = 100

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
IndexName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class IndexingParams(BaseModel):
    """One folder, and what of it is to be searched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: InputFolder = Field(description="Folder on the server: an input folder, or one inside")
    patterns: tuple[Pattern, ...] = Field(
        default=PATTERNS,
        min_length=1,
        max_length=50,
        description=(
            "Which files, upper and lower case alike: `*.txt` for a name anywhere below the folder, `notes/*.txt` for "
            "a path from it. What is neither Markdown, HTML nor PDF by its name is read as plain text"
        ),
    )
    index: IndexName | None = Field(
        default=None,
        description=(
            "Name of the index: lower-case letters, digits, '_' and '-'. An index belongs to one folder; without a "
            "name each folder has one of its own"
        ),
    )
    max_file_mb: StrictInt = Field(
        default=20,
        ge=1,
        le=MAX_FILE_MB,
        title="Largest file, MB",
        description="Files of more megabytes are reported and not read",
    )
    max_file_seconds: StrictInt = Field(
        default=30,
        ge=1,
        le=600,
        title="Longest time for a file, s",
        description="Files that take longer to read are reported and left out",
    )
    rebuild: StrictBool = Field(
        default=False, description="Throw the index away and begin anew, also when its file is damaged"
    )

    @field_validator("folder")
    @classmethod
    def _printable(cls, folder: str) -> str:
        folder.encode()  # a lone surrogate is no text that an index could keep; UnicodeEncodeError is a ValueError
        return folder
