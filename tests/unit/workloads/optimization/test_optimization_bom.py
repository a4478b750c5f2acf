"""What a bill of materials may be, and the sentence that each bad one gets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api.errors import InvalidInput
from api.workloads.optimization import load_bom, parse_bom, validate_bom

CONFIG = Path(__file__).parents[4] / "config"


def part(**changes: Any) -> dict[str, Any]:
    return {"id": "a", "dimensions": {"x": 10, "y": 20, "z": 30}, "mass": 1, "power": 2} | changes


def bom(*parts: dict[str, Any], **top: Any) -> dict[str, Any]:
    return {"components": list(parts), "envelope": {"x": 100, "y": 100, "z": 100}} | top


def size(**changes: Any) -> dict[str, Any]:
    return {"x": 10, "y": 20, "z": 30} | changes


BAD = {
    "nothing to place": (bom(), "components", "is empty"),
    "no components": ({}, "components", "is missing"),
    "components of another type": ({"components": "a"}, "components", "is not a list"),
    "text": ("hello", "", "is not a list of components"),
    "nothing": (None, "", "is not a list of components"),
    "component of another type": (bom(3), "components.0", "is not an object"),
    "missing mass": (bom({"id": "a", "dimensions": size(), "power": 1}), "components.0.mass", "is missing"),
    "unknown key": (bom(part(colour="red")), "components.0.colour", "not a field"),
    "unknown top key": (bom(part(), boxes=[]), "boxes", "not a field"),
    "duplicate ids": (bom(part(), part()), "components.1.id", "also the id of"),
    "empty id": (bom(part(id=" ")), "components.0.id", "is empty"),
    "id of another type": (bom(part(id=7)), "components.0.id", "is not text"),
    "very long id": (bom(part(id="a" * 65)), "components.0.id", "longer than 64"),
    "zero size": (bom(part(dimensions=size(x=0))), "components.0.dimensions.x", "not greater than zero"),
    "negative size": (bom(part(dimensions=size(y=-3))), "components.0.dimensions.y", "not greater than zero"),
    "NaN size": (bom(part(dimensions=size(z=float("nan")))), "components.0.dimensions.z", "not a finite"),
    "infinite size": (bom(part(dimensions=size(z=float("inf")))), "components.0.dimensions.z", "not a finite"),
    "huge size": (bom(part(dimensions=size(z=1e308))), "components.0.dimensions.z", "is not between"),
    "huge whole number": (bom(part(mass=10**400)), "components.0.mass", "is not between"),
    "size as text": (bom(part(dimensions=size(x="10"))), "components.0.dimensions.x", "is not a number"),
    "size as true": (bom(part(dimensions=size(x=True))), "components.0.dimensions.x", "is not a number"),
    "missing side": (bom(part(dimensions={"x": 1, "y": 1})), "components.0.dimensions.z", "is missing"),
    "unknown side": (bom(part(dimensions=size(w=1))), "components.0.dimensions.w", "not a field"),
    "size as list": (bom(part(dimensions=[1, 2, 3])), "components.0.dimensions", "with x, y and z"),
    "negative mass": (bom(part(mass=-1)), "components.0.mass", "not greater than zero"),
    "negative power": (bom(part(power=-1)), "components.0.power", "is not between"),
    "emissivity above one": (bom(part(emissivity=1.5)), "components.0.emissivity", "is not between"),
    "below absolute zero": (bom(part(max_temp=-300)), "components.0.max_temp", "is not between"),
    "quantity zero": (bom(part(quantity=0)), "components.0.quantity", "is not between"),
    "quantity of a half": (bom(part(quantity=1.5)), "components.0.quantity", "not a whole number"),
    "quantity true": (bom(part(quantity=True)), "components.0.quantity", "not a whole number"),
    "too many boxes": (bom(part(quantity=40), part(id="b", quantity=40)), "components", "80 boxes, 64 at most"),
    "too many lines": (bom(*[part(id=f"p{k}") for k in range(65)]), "components", "65 entries, 64 at most"),
    "larger than the envelope": (bom(part(dimensions=size(x=101))), "components.0.dimensions", "in every orientation"),
    "more volume than the envelope": (
        bom(part(dimensions=size(x=90, y=90, z=90), quantity=2)),
        "envelope",
        "less volume than the parts",
    ),
    "zero envelope": (bom(part(), envelope=size(x=0)), "envelope.x", "not greater than zero"),
    "contact to an unknown id": (bom(part(thermal_contacts={"b": 1})), "components.0.thermal_contacts.b", "not the id"),
    "contact to itself": (bom(part(thermal_contacts={"a": 1})), "components.0.thermal_contacts.a", "itself"),
    "contacts that differ": (
        bom(part(thermal_contacts={"b": 1}), part(id="b", thermal_contacts={"a": 2})),
        "components.0.thermal_contacts.b",
        "another value",
    ),
    "contact without a value": (
        bom(part(thermal_contacts={"b": None}), part(id="b")),
        "components.0.thermal_contacts.b",
        "is not a number",
    ),
    "contacts as list": (bom(part(thermal_contacts=["b"])), "components.0.thermal_contacts", "is not an object"),
    "negative constraint": (bom(part(), constraints={"max_power_w": -1}), "constraints.max_power_w", "is not between"),
    "constraint as text": (bom(part(), constraints={"max_temp_c": "hot"}), "constraints.max_temp_c", "is not a number"),
    "constraints as list": (bom(part(), constraints=[1]), "constraints", "is not an object"),
    "limits that exclude each other": (
        bom(part(), constraints={"max_temp_c": 10, "min_temp_c": 20}),
        "constraints.min_temp_c",
        "is above max_temp_c",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_bom_names_the_value_and_what_is_wrong(name: str) -> None:
    data, loc, msg = BAD[name]
    with pytest.raises(InvalidInput) as caught:
        parse_bom(data)
    found = [(".".join(map(str, flaw.loc)), flaw.msg) for flaw in caught.value.flaws]
    assert any(loc == where and msg in what for where, what in found), found
    answer = validate_bom(data)
    assert {k: answer[k] for k in answer if k != "errors"} == {"valid": False, "num_components": 0, "components": []}
    assert {"loc": list(caught.value.flaws[0].loc), "msg": caught.value.flaws[0].msg} in answer["errors"]


def test_all_flaws_are_told_at_once_but_not_without_end() -> None:
    two = validate_bom(bom(part(mass=-1, power="x")))["errors"]
    assert [error["loc"] for error in two] == [["components", 0, "mass"], ["components", 0, "power"]]
    many = validate_bom(bom(*[part(id=f"p{k}", mass=-1, power=-1) for k in range(60)]))["errors"]
    assert len(many) == 26
    assert many[-1]["msg"] == "and 95 more"


def test_part_that_fits_only_turned_is_accepted() -> None:
    assert parse_bom(bom(part(dimensions=size(x=150)), envelope=size(x=25, y=40, z=150))).boxes[0].id == "a"


def test_bare_list_is_a_bom_and_its_envelope_is_derived() -> None:
    found = parse_bom([part(), part(id="b")])
    assert not found.envelope_given
    assert found.envelope == (40.0, 40.0, 40.0)  # 12 cm³ / 0.35, a cube, rounded up to 10 mm


def test_quantity_makes_separate_boxes_whose_ids_clash_with_nothing() -> None:
    found = parse_bom(bom(part(id="a", quantity=2), part(id="a-2"), part(id="b", quantity=2)))
    assert [box.id for box in found.boxes] == ["a--1", "a--2", "a-2", "b-1", "b-2"]


def test_unknown_constraints_are_kept_apart() -> None:
    given = {"max_temp_c": 50, "max_jitter": 3, "keep_out": {"x": 1}, "odd": float("nan")}
    found = parse_bom(bom(part(), constraints=given))
    assert dict(found.limits) == {"max_temp_c": 50.0}
    assert dict(found.not_evaluated) == {"max_jitter": 3, "keep_out": None, "odd": None}


@pytest.mark.parametrize("name", ["bom_example.json", "bom_complex.json", "bom_small.yaml", "bom_small.csv"])
def test_shipped_boms_are_valid(name: str) -> None:
    answer = validate_bom(CONFIG / name)
    assert answer["valid"], answer["errors"]
    assert answer["num_components"] == sum(component["quantity"] for component in answer["components"])


def test_example_has_about_six_and_complex_about_twelve_boxes() -> None:
    assert tuple(validate_bom(CONFIG / f"bom_{name}.json")["num_components"] for name in ("example", "complex")) == (
        6,
        12,
    )


def test_the_three_formats_say_the_same() -> None:
    """The small sample in YAML and in CSV differ only by what CSV has no place for."""
    yaml, csv = load_bom(CONFIG / "bom_small.yaml"), load_bom(CONFIG / "bom_small.csv")
    assert yaml.components == csv.components


def test_json_and_yaml_give_equal_boms(tmp_path: Path) -> None:
    text = json.dumps(bom(part(), constraints={"max_temp_c": 50}))
    (tmp_path / "a.json").write_text(text)
    (tmp_path / "a.yml").write_text(text)  # JSON is YAML
    assert load_bom(tmp_path / "a.json") == load_bom(tmp_path / "a.yml")


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "not_utf8.json": (b'{"components": "\xff\xfe"}', "is not UTF-8 text"),
    "not_utf8.csv": (b"id,x\n\xff,1\n", "is not UTF-8 text"),
    "broken.json": (b'{"components": [', "is not valid JSON"),
    "empty.json": (b"", "is not valid JSON"),
    "empty.yaml": (b"", "is not a list of components"),
    "empty.csv": (b"", "is empty"),
    "broken.yaml": (b"components: [}", "is not valid YAML"),
    "python.yaml": (b"!!python/object/apply:os.system ['true']", "is not valid YAML"),
    "alias.yaml": (b"a: &a [1]\nb: [*a, *a]\n", "alias"),
    "twice.json": (b'{"components": [], "components": []}', "twice"),
    "twice.yaml": (b"components: []\ncomponents: []\n", "twice"),
    "digits.json": (b'{"components": ' + b"9" * 5000 + b"}", "is not valid JSON"),
    "deep.json": (b"[" * 100_000 + b"]" * 100_000, "is nested too deeply"),
    "deep.yaml": (b"[" * 9_000 + b"]" * 9_000, "is nested too deeply"),
    "large.json": (b" " * 1_000_001, "is larger than 1000 kB"),
    "large.yaml": (b"# " + b" " * 100_000, "is larger than 100 kB"),
    "nul.csv": (b"id,x\n\0,1\n", "components.0"),
    "wide.csv": (b"id,mass\na,1,2\n", "more cells than columns in row 1"),
    "columns.csv": (b"id,id\na,b\n", "two columns of the same name"),
    "nan.csv": (b"id,x,y,z,mass,power\na,nan,1,1,1,1\n", "is not a number"),
    "underscore.csv": (b"id,x,y,z,mass,power\na,1_0,1,1,1,1\n", "is not a number"),
    "unknown.csv": (b"id,x,y,z,mass,power,colour\na,1,1,1,1,1,red\n", "is not a field"),
    "contacts.csv": (b"id,x,y,z,mass,power,thermal_contacts\na,1,1,1,1,1,b\n", "is not a"),
    "other.txt": (b"{}", "is not a .json, .yaml, .yml or .csv file"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file_gets_one_clear_sentence(name: str, tmp_path: Path) -> None:
    content, sentence = BAD_FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        load_bom(path)
    assert sentence in caught.value.message
    assert len(caught.value.message) < 600
    assert not validate_bom(path)["valid"]


def test_folder_and_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InvalidInput, match="is not a file"):
        load_bom(tmp_path / "folder.json")
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_bom(tmp_path / "missing.json")


def test_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([part()]), encoding="utf-8-sig")
    assert load_bom(path).boxes[0].id == "a"


def test_registering_the_workload_loads_no_numerical_library() -> None:
    """A server that only validates BOMs and shows forms stays light."""
    code = (
        "import sys; from api.workloads.optimization import validate_bom, workload;"
        "workload.params.model_json_schema(); validate_bom([]);"
        "print([m for m in ('numpy', 'cma', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CONFIG.parent)
    assert done.stdout == "[]\n"
