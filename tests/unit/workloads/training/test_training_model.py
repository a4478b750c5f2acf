"""The model file: safe to open, exact, and usable by itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from api.workloads.training import model as module
from api.workloads.training.model import Model, load_model, save_model

MODEL = Model(
    classes=("no", "yes"),
    features=("a", "b"),
    mean=np.array([1.0, 2.0]),
    scale=np.array([2.0, 1.0]),
    cut=10.0,
    layers=[
        (np.array([[1.0, -1.0], [0.0, 0.0]], np.float32), np.zeros(2, np.float32)),
        (np.array([[0.0, 1.0], [0.5, 0.0]], np.float32), np.array([0.25, 0.0], np.float32)),
    ],
)
"""(a - 1) / 2 above 0.25 is a yes."""


def test_predicts_what_its_formula_says(tmp_path: Path) -> None:
    save_model(MODEL, tmp_path / "model.npz")
    loaded = load_model(tmp_path / "model.npz")
    assert ["no", "yes", "no"] == loaded.predict([[1.4, 0], [1.6, 9], [-100, 2]])
    shares = loaded.probabilities([[3.0, 2.0], [1e9, 2.0]])
    # logits 0.25 and 1; then a is cut at 10
    assert shares[0].tolist() == pytest.approx([1 / (1 + np.exp(0.75)), 1 / (1 + np.exp(-0.75))])
    assert shares[1].tolist() == pytest.approx([1 / (1 + np.exp(9.75)), 1 / (1 + np.exp(-9.75))])
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


@pytest.mark.parametrize(
    ("rows", "said"), [([1.0, 2.0], r"\(n, 2\)"), ([[1.0]], r"\(n, 2\)"), ([[1.0, np.nan]], "finite")]
)
def test_rows_of_another_shape_are_refused(rows: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MODEL.predict(rows)


def test_a_file_with_objects_in_it_is_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", format=1, classes=np.array([object()]))
    with pytest.raises(ValueError, match="allow_pickle"):
        load_model(tmp_path / "bad.npz")
    np.savez(tmp_path / "other.npz", format=2)
    with pytest.raises(ValueError, match="not a model of format 1"):
        load_model(tmp_path / "other.npz")


def test_the_module_can_be_copied_and_needs_numpy_alone(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(Path(module.__file__).read_text())
    save_model(MODEL, tmp_path / "model.npz")
    code = """
import sys
from model import load_model
print(load_model("model.npz").predict([[3, 0]]))
assert not any(name.partition(".")[0] in ("api", "sklearn", "pydantic") for name in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (0, "['yes']\n") == (done.returncode, done.stdout), done.stderr


def test_the_examples_of_the_how_to_run_as_written(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs" / "how-to" / "train-a-model.md").read_text()
    reading, using = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    save_model(MODEL, tmp_path / "model.npz")
    code = f"{reading}\nrows = [[3, 0], [0, 0]]\n{using}"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert 0 == done.returncode, done.stderr
    assert ["3 12 90", "('a', 'b') ('no', 'yes')", "['yes', 'no']"] == done.stdout.splitlines()[:3]
