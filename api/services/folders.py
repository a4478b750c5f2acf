"""Where the files of a task stand: a working folder per lease, moved to its place when the task ends."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from api.domain.task import Task

UPLOADS = "uploads"
"""What the names of uploaded files begin with, in the params of tasks."""


class Folders:
    """Paths below the data folder. `relative` names are what the API shows."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir.resolve()
        self._leases, self._checkpoints = self.root / "leases", self.root / "checkpoints"

    def result_dir(self, task: Task) -> str:
        """Relative place of the task's files once it has ended; the same for every attempt."""
        return f"experiments/run_{task.created_at:%Y%m%d_%H%M%S}_{task.id[:8]}"

    def lease_dir(self, lease_id: str) -> str:
        return f"leases/{lease_id}"

    def checkpoint(self, task_id: str) -> Path:
        return self._checkpoints / task_id

    def working(self, lease_id: str) -> Path:
        """Where the files of a lease stand while it lasts."""
        return self._leases / lease_id

    def shared(self, task: Task) -> Path:
        """Absolute: what all tasks of this type and owner have in common. It outlives them."""
        return self.root / "shared" / task.type / _folder_of(task.owner)

    def uploads(self, owner: str) -> Path:
        """Absolute: an input folder for the tasks of this owner alone."""
        return self.root / "files" / _folder_of(owner) / UPLOADS

    def absolute(self, relative: str) -> Path:
        return self.root / relative

    def settle(self, task: Task, lease_id: str) -> str | None:
        """Move a lease's files to the task's place; None when it wrote none."""
        source, relative = self.working(lease_id), self.result_dir(task)
        if not source.is_dir():
            return relative if self.absolute(relative).is_dir() else None  # moved before a crash
        if not any(source.iterdir()):
            source.rmdir()
            return None
        target = self.absolute(relative)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(source, target)
        return relative

    def discard_lease(self, lease_id: str) -> None:
        shutil.rmtree(self.working(lease_id), ignore_errors=True)

    def copy_checkpoint(self, task_id: str, to_task_id: str) -> bool:
        """Give a task the checkpoint of another one; False when that has none."""
        source = self.checkpoint(task_id)
        if not source.is_file():
            return False
        shutil.copyfile(source, self.checkpoint(to_task_id))
        return True

    def discard_checkpoint(self, task_id: str) -> None:
        self.checkpoint(task_id).unlink(missing_ok=True)

    def discard(self, task: Task) -> None:
        """Everything that a deleted task left."""
        if task.artifact_dir:
            shutil.rmtree(self.absolute(task.artifact_dir), ignore_errors=True)
        self.discard_checkpoint(task.id)


def _folder_of(owner: str) -> str:
    """A name of a user is no name of a folder."""
    return hashlib.sha256(owner.encode()).hexdigest()[:32]
