"""CSV files of the user's own: what is read, and how each flaw is told with file, line and column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.errors import InvalidInput
from api.workloads.training import TrainingParams, workload
from api.workloads.training.csv_data import CsvFile
from api.workloads.training.dataset import split
from api.workloads.training.model import load_model

GOOD = "a,b,target\n1,2.5,x\n-3e2,0,y\n4,5,x\n0,1,y\n"


def read(folder: Path, content: str | bytes, target: str = "target") -> Any:
    path = folder / "mine.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return CsvFile(path, "mine.csv", target).read()


def test_columns_rows_and_classes_are_read_in_order(tmp_path: Path) -> None:
    data = read(tmp_path, "\ufeff kind ,b, a\r\n10,1,2\r\n\r\n9, 3 ,4\r\n10,5,6\r\n 9,7,8\r\n", "kind")
    assert (("b", "a"), ("9", "10"), "mine.csv") == (data.features, data.classes, data.name)
    assert [[1, 2], [3, 4], [5, 6], [7, 8]] == data.rows.tolist()
    assert [1, 0, 1, 0] == data.labels.tolist()


def test_classes_that_are_no_numbers_stand_in_alphabetical_order(tmp_path: Path) -> None:
    assert ("1", "10", "9a") == read(tmp_path, "a,target\n1,9a\n2,10\n3,1\n4,9a\n5,10\n6,1\n").classes


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: is empty"),
        ("\n\n", "line 1: is empty"),
        ("a,b,target\n", "line 1, column 'target': there are no rows"),
        ("a,b\n1,2\n", "line 1, column 'target': is missing: the columns, separated by commas, are 'a', 'b'"),
        ("a;b;target\n1;2;x\n", "line 1, column 'target': is missing: the columns, separated by commas, are 'a;b;"),
        ("target\nx\ny\n", "line 1: 0 columns besides the target"),
        ("a,,target\n1,2,x\n", "line 1: column 2 has no name"),
        (f"a,{'b' * 201},target\n1,2,x\n", "line 1: the name of column 2 is longer than 200 characters"),
        ("a,a,target\n1,2,x\n", "line 1, column 'a': stands there twice"),
        (GOOD + "1,abc,x\n", "line 6, column 'b': 'abc' is not a number"),
        (GOOD + "1,,x\n", "line 6, column 'b': is empty"),
        (GOOD + "nan,1,x\n", "line 6, column 'a': 'nan' is not a number"),
        (GOOD + "1,inf,x\n", "line 6, column 'b': 'inf' is too large"),
        (GOOD + "1,-1e31,x\n", "line 6, column 'b': '-1e31' is too large"),
        (GOOD + "1_0,1,x\n", "line 6, column 'a': '1_0' is not a number"),
        (GOOD + "1,2,\n", "line 6, column 'target': is empty"),
        (GOOD + "1,2\n", "line 6, column 'target': is missing: 2 cells for 3 columns"),
        (GOOD + "1,2,x,9\n", "line 6, column 'target': comes last, but there are 4 cells for 3 columns"),
        (GOOD + "1,2,z\n", "line 6, column 'target': the class 'z' has this row only"),
        (GOOD + f"1,2,{'z' * 101}\n", "line 6, column 'target': is longer than the 100 characters"),
        ("a,target\n1,x\n2,x\n", "line 3, column 'target': the only class is 'x'"),
        ("a,target\n" + "".join(f"1,{k}\n" for k in range(101)), "line 102, column 'target': '100' is class number"),
        (GOOD + '1,"2,x\n', "line 6: is not valid CSV"),
        ('a,b,target\n"1\n",2,x\n1,2,x\nq,2,y\n', "line 5, column 'a': 'q' is not a number"),
        (",".join(f"c{k}" for k in range(2001)) + ",target\n", "line 1: 2,001 columns besides the target"),
        (b"a,target\n\xff\xfe,x\n", "mine.csv: is not UTF-8 text"),
        (b"a,target\n1,x\n" + b"#" * 50_000_001, "mine.csv: is larger than 50000 kB"),
    ],
    ids=lambda value: str(value[:40]),
)
def test_a_flaw_is_told_with_its_place(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(tmp_path, content)
    assert said in caught.value.message
    assert caught.value.message.startswith("csv_file: mine.csv")
    assert len(caught.value.message) < 400


def test_too_few_rows_to_validate_each_class_are_told(tmp_path: Path) -> None:
    data = read(tmp_path, "a,target\n" + "".join(f"1,{k}\n2,{k}\n" for k in range(5)))
    with pytest.raises(InvalidInput, match=r"validation_fraction: keeps 2 of 10 rows: .* each of 5 classes"):
        split(data, 0.2, 0)


@pytest.mark.parametrize("column", [["0.1"] * 3, ["1e30", "-1e30"], ["1e-200", "2e-200"], ["1e-320", "0"]])
def test_extreme_and_constant_columns_are_scaled_to_finite_numbers(tmp_path: Path, column: list[str]) -> None:
    rows = "".join(f"{column[k % len(column)]},{k},{'xy'[k % 2]}\n" for k in range(30))
    parts = split(read(tmp_path, "a,b,target\n" + rows), 0.2, 0)
    assert np.isfinite(parts.rows).all()
    assert np.isfinite(parts.validation_rows).all()
    assert np.isfinite(parts.scaling(np.full((1, 2), 1e30))).all()


@pytest.mark.usefixtures("no_pictures")
def test_a_csv_is_learnt_and_its_model_predicts_its_classes(new_context: Any, tmp_path: Path) -> None:
    """Points inside and outside a circle: what no linear classifier can tell apart."""
    random = np.random.default_rng(3)
    points = random.uniform(-1, 1, (600, 2))
    inside = (points**2).sum(axis=1) < 0.5
    lines = [f"{x},{'in' if near else 'out'},{y}" for (x, y), near in zip(points.tolist(), inside, strict=True)]
    (tmp_path / "circle.csv").write_text("\n".join(["x,where,y", *lines]))
    learning = {"epochs": 40, "hidden_layers": (32,), "learning_rate": 0.01, "dropout": 0.0}
    params = TrainingParams(csv_file="circle.csv", target="where", **learning)
    context = new_context(input_dirs=(tmp_path,))
    result = workload.run(params, context)
    assert result is not None
    assert (["in", "out"], 2, "circle.csv") == (result["classes"], result["features"], result["data"])
    assert result["best"]["val_acc"] > 0.93
    model = load_model(context.artifact_dir / "model.npz")
    assert ("x", "y") == model.features
    assert ["in", "out"] == model.predict([[0.0, 0.0], [0.95, -0.95]])


def test_a_file_outside_the_input_folders_is_refused(new_context: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        workload.run(TrainingParams(csv_file="../mine.csv"), new_context(input_dirs=(tmp_path,)))


def test_names_with_markup_and_dollars_are_drawn_and_written_as_they_are(new_context: Any, tmp_path: Path) -> None:
    name = r"$\frac{$ <img onerror=x>"
    (tmp_path / "odd.csv").write_text("a,target\n" + f"1,{name}\n2,b\n" * 10)
    context = new_context(input_dirs=(tmp_path,))
    result = workload.run(TrainingParams(csv_file="odd.csv", epochs=1), context)
    assert result is not None
    assert ["confusion_matrix.png", "learning_curves.png"] == result["visualizations"]
    for picture in result["visualizations"]:
        assert (context.artifact_dir / "visualizations" / picture).read_bytes().startswith(b"\x89PNG")
    assert [name, "b"] == json.loads((context.artifact_dir / "confusion_matrix.json").read_text())["classes"]
