"""Searching what a task has left: whose workload offers it, and of whom."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from api.domain.permission import LOCAL, Principal, Role
from api.domain.task import Task
from api.domain.workload import Found, Hit, Workload
from api.errors import Conflict, NotFound
from api.runtime.threads import ThreadRuntime
from api.services.folders import Folders
from api.services.query import Queries
from api.services.search import Searches
from api.store.memory import MemoryStore
from tests.support.stores import a_task, task_id

FOUND = Found(1, (Hit("a.txt", "A", 1.0, "a word", ((2, 6),)),))
ONE, OTHER = task_id(1), task_id(2)
Asked = list[tuple[Mapping[str, Any], Path, str, int, int]]


@pytest.fixture
def asked() -> Asked:
    return []


@pytest.fixture
def searches(asked: Asked, tmp_path: Path) -> Searches:
    """One task of a type that can be searched, and one of a type that cannot."""

    def search(params: Mapping[str, Any], shared_dir: Path, words: str, /, *, limit: int, offset: int) -> Found:
        asked.append((params, shared_dir, words, limit, offset))
        if words == "early":
            raise Conflict("there is nothing yet")
        return FOUND

    store = MemoryStore()
    store.write(lambda tx: tx.add_task(a_task(type="kept", params={"n": 1}, owner="somebody")))
    store.write(lambda tx: tx.add_task(a_task(2, type="plain")))
    workloads = {
        "kept": Workload("kept", "K", BaseModel, lambda params, ctx: None, search=search),
        "plain": Workload("plain", "P", BaseModel, lambda params, ctx: None),
    }
    queries = Queries(store, lambda: a_task().created_at)
    return Searches(queries, ThreadRuntime(), Folders(tmp_path), workloads)


def test_the_workload_is_asked_with_the_params_and_the_folder_of_the_tasks_owner(
    searches: Searches, asked: Asked, tmp_path: Path
) -> None:
    answer = searches.search(LOCAL, ONE, "word", limit=3, offset=1)
    assert FOUND == answer.found
    assert answer.took_ms >= 0
    task = Task(ONE, "kept", "somebody", a_task().created_at)
    assert [({"n": 1}, Folders(tmp_path).shared(task), "word", 3, 1)] == asked


def test_types_without_a_search_and_tasks_of_others_are_not_found(searches: Searches, asked: Asked) -> None:
    with pytest.raises(NotFound, match="'plain' cannot be searched"):
        searches.search(LOCAL, OTHER, "word", limit=3, offset=0)
    for principal, missing in [(LOCAL, task_id(9)), (Principal("stranger", Role.OPERATOR), ONE)]:
        with pytest.raises(NotFound, match="There is no such task"):
            searches.search(principal, missing, "word", limit=3, offset=0)
    assert [] == asked


def test_what_the_workload_raises_is_the_answer(searches: Searches) -> None:
    with pytest.raises(Conflict, match="nothing yet"):
        searches.search(LOCAL, ONE, "early", limit=3, offset=0)


@pytest.mark.parametrize("owner", ["..", "a/b", "x" * 300, "local", "LOCAL", "ü"])
def test_each_owner_has_a_shared_folder_whatever_the_name(tmp_path: Path, owner: str) -> None:
    folders = Folders(tmp_path)
    mine = folders.shared(Task("t", "kept", owner, a_task().created_at))
    assert tmp_path.resolve() / "shared" / "kept" == mine.parent
    assert mine != folders.shared(Task("t", "kept", owner + "2", a_task().created_at))
    mine.mkdir(parents=True)
