"""`python -m benchmarks.fanout`, as small as it can be: real servers, and all that is written."""

from __future__ import annotations

import json
import sys

import pytest

from benchmarks.fanout import encodings, tls
from benchmarks.fanout.__main__ import main
from benchmarks.fanout.plan import Plan
from benchmarks.fanout.run import run
from benchmarks.fanout.sides import SIDES, Side
from tests.support.servers import ROOT
from tests.support.services import node_modules, require

TINY = Plan(sizes=(3,), idle=5, steady=0.1, burst=0.05, warm_up=0.02)
METRICS = ["cpu", "rate", "p50", "p99", "load"]


@pytest.mark.parametrize("name", ["fanout", "asgi", "node"])
def test_every_kind_of_server_takes_orders_and_delivers(name):
    if name == "node":
        require("node")
        node_modules(ROOT / "benchmarks" / "peers" / "node")
    figures = {}
    run(SIDES[name], TINY, figures)
    expected = [f"{setting.name}/3/{metric}" for setting in TINY.settings(3) for metric in METRICS]
    assert {"memory", *expected} == set(figures)
    assert all(figures[key] > 0 for key in expected)


def test_every_encoding_delivers_and_is_counted():
    figures = {name: encodings.run(name, subscribers=3, seconds=0.1) for name in encodings.ENCODINGS}
    assert all(value > 0 for taken in figures.values() for value in taken.values())
    sizes = [next(value for key, value in taken.items() if key.endswith("/bytes")) for taken in figures.values()]
    assert sizes == sorted(sizes, reverse=True)
    assert 250 < sizes[0] < 260


def test_the_command_writes_tables_and_json(tmp_path, capsys):
    assert 0 == main(["--quick", "--only", "plain", "--subscribers", "3", "--results", str(tmp_path)])
    sides = json.loads((tmp_path / "fanout-part.json").read_text())["sides"]
    assert sides["plain"]["figures"]["steady/3/cpu"]["median"] > 0
    assert (tmp_path / "fanout-part.md").read_text() in capsys.readouterr().out


def test_the_memory_of_tls_is_told(capsys):
    require("openssl")
    tls.main(["--idle", "3", "--runs", "1"])
    said = capsys.readouterr().out.splitlines()
    assert [SIDES[name].label for name in tls.NAMES] == [line.partition(":")[0] for line in said]


def test_a_side_that_fails_is_said_and_is_no_success(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(SIDES, "plain", Side("the one that ends", [sys.executable, "-c", "raise SystemExit('no')"]))
    assert 1 == main(["--quick", "--only", "plain", "--results", str(tmp_path)])
    assert "Not measured: the one that ends: run 1 failed: the server did not start" in capsys.readouterr().out


def test_a_side_that_is_not_installed_is_said_and_no_failure(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(SIDES, "node", Side("Node", ["node"], lambda: "node is not installed"))
    assert 0 == main(["--quick", "--only", "node", "--results", str(tmp_path)])
    assert "Not measured: Node: node is not installed" in capsys.readouterr().out
