"""How tests are spread over worker processes (pytest-xdist), and which of them run alone.

Tests that share a server go to one worker. A test marked `alone` measures what others on the machine would disturb:
no worker runs it, but the first process, when all workers have ended, and it is counted in the same summary.
Without workers (`-n 0`) everything runs in one process.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from itertools import zip_longest
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from api.runtime.patch import MODES

SHARING = ("tests/conformance/", "tests/acceptance/test_fanout_")
"""How the paths of files begin that have their servers in common; any other file has its own."""
_MODE = re.compile(rf"\[.*\b({'|'.join(MODES)})\b")
_alone = pytest.StashKey[set[str]]()


class SharedServers(LoadScopeScheduling):
    """Hands out together what shares files and async mode, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        mode = _MODE.search(nodeid)
        return next(filter(file.startswith, SHARING), file) + (f" {mode[1]}" if mode else "")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    if config.getoption("dist") != "loadscope":
        return None
    config.option.loadscopereorder = False
    return SharedServers(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """After -k and -m have had their say: a worker leaves the lonely to the first process, which has them alone."""
    if hasattr(config, "workeroutput"):
        config.workeroutput["alone"] = [item.nodeid for item in items if item.get_closest_marker("alone")]
        items[:] = [item for item in items if not item.get_closest_marker("alone")]
    elif _alone in config.stash:
        items[:] = [item for item in items if item.nodeid in config.stash[_alone]]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    config: pytest.Config = node.config
    config.stash[_alone] = config.stash.get(_alone, set()) | set(getattr(node, "workeroutput", {}).get("alone", ()))


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    done = yield  # raises where the workers were stopped, by -x or Ctrl-C
    if alone := session.config.stash.get(_alone, set()):
        _run(session, sorted({nodeid.partition("::")[0] for nodeid in alone}))
    return done


def _run(session: pytest.Session, files: list[str]) -> None:
    """What the first process has to run in these files."""
    if terminal := session.config.pluginmanager.get_plugin("terminalreporter"):
        terminal.write_sep("-", "alone")
    spread = session.testscollected
    items = session.perform_collect([str(session.config.rootpath / file) for file in files])
    session.testscollected += spread
    for item, following in zip_longest(items, items[1:]):
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
