"""The model against cases that can be solved on paper."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from api.workloads.optimization import constraints, geometry, mass_properties, parse_bom, thermal, thermal_network
from api.workloads.optimization.environment import PANEL_EMISSIVITY, STEFAN_BOLTZMANN, ZERO_CELSIUS, sink_temperature
from api.workloads.optimization.placement import Layouts, place
from api.workloads.optimization.problem import Problem, build_problem


def cubes(
    *lows: tuple[float, float, float], side: float = 100.0, envelope: float = 1000.0, **part: Any
) -> tuple[Problem, Layouts]:
    """Cubes at given corners in a cubic envelope."""
    parts = [
        {"id": f"p{k}", "dimensions": dict.fromkeys("xyz", side), "mass": 1, "power": 0} | part
        for k in range(len(lows))
    ]
    problem = build_problem(parse_bom({"components": parts, "envelope": dict.fromkeys("xyz", envelope)}))
    low = np.array([lows], dtype=float)
    return problem, Layouts(low, np.full_like(low, side), np.zeros(low.shape[:2], dtype=np.int64))


def one_matrix(*rows: list[float]) -> Any:
    return np.array([rows], dtype=float)


@pytest.mark.parametrize(("power", "area", "sink"), [(10.0, 0.06, 3.0), (0.5, 0.01, 250.0), (500.0, 0.2, 290.0)])
def test_single_radiating_box_has_the_closed_form_temperature(power: float, area: float, sink: float) -> None:
    """T = (P / εσA + T_env⁴)^¼."""
    found = thermal_network.solve(np.array([power]), one_matrix([0.0]), one_matrix([0.0]), np.array([0.8 * area]), sink)
    assert found[0, 0] == pytest.approx((power / (0.8 * STEFAN_BOLTZMANN * area) + sink**4) ** 0.25, rel=1e-7)


def test_two_nodes_joined_by_a_strap_differ_by_power_over_conductance() -> None:
    """All heat of the first leaves by the second: ΔT = P / G, and the second radiates it."""
    found = thermal_network.solve(
        np.array([6.0, 0.0]), one_matrix([0.0, 0.5], [0.5, 0.0]), np.zeros((1, 2, 2)), np.array([0.0, 0.05]), 200.0
    )[0]
    assert found[0] - found[1] == pytest.approx(12.0, rel=1e-6)
    assert found[1] == pytest.approx((6.0 / (STEFAN_BOLTZMANN * 0.05) + 200.0**4) ** 0.25, rel=1e-6)


def test_two_nodes_joined_by_radiation_follow_the_fourth_powers() -> None:
    found = thermal_network.solve(
        np.array([3.0, 0.0]), np.zeros((1, 2, 2)), one_matrix([0.0, 0.02], [0.02, 0.0]), np.array([0.0, 0.05]), 200.0
    )[0]
    assert found[0] ** 4 - found[1] ** 4 == pytest.approx(3.0 / (STEFAN_BOLTZMANN * 0.02), rel=1e-6)


def test_network_without_power_is_as_cold_as_its_surroundings() -> None:
    problem, layouts = cubes((0, 0, 0), (500, 500, 500))
    boxes, panels = thermal.temperatures(problem, layouts)
    assert np.concatenate([boxes, panels], axis=1) == pytest.approx(sink_temperature() - ZERO_CELSIUS, abs=1e-6)


def test_node_without_a_way_to_space_is_an_error() -> None:
    with pytest.raises((ArithmeticError, np.linalg.LinAlgError)):
        thermal_network.solve(np.array([1.0, 1.0]), np.zeros((1, 2, 2)), np.zeros((1, 2, 2)), np.array([0.1, 0.0]), 3.0)


def test_what_the_boxes_dissipate_leaves_by_the_panels() -> None:
    problem, layouts = cubes((0, 0, 0), (300, 20, 700), (103, 0, 0), power=7)
    _, panels = thermal.temperatures(problem, layouts)
    kelvin = panels[0] + ZERO_CELSIUS
    gone = PANEL_EMISSIVITY * STEFAN_BOLTZMANN * 1.0 * (kelvin**4 - sink_temperature() ** 4)
    assert gone.sum() == pytest.approx(21.0, rel=1e-5)


def test_box_at_a_panel_is_colder_than_one_in_the_middle() -> None:
    at_panel, middle = cubes((0, 450, 450), power=20), cubes((450, 450, 450), power=20)
    assert thermal.temperatures(*at_panel)[0][0, 0] < thermal.temperatures(*middle)[0][0, 0] - 5


def test_covered_faces_radiate_less() -> None:
    """A hot box between two others, too far away to be joined, is hotter than alone."""
    problem, layouts = cubes((450, 450, 450), (340, 450, 450), (560, 450, 450), power=20)
    alone = cubes((450, 450, 450), power=20)
    assert thermal.temperatures(problem, layouts)[0][0, 0] > thermal.temperatures(*alone)[0][0, 0] + 1


@pytest.mark.parametrize(
    ("second", "distance"),
    [
        ((103, 0, 0), 3.0),
        ((100, 0, 0), 0.0),
        ((103, 104, 0), 5.0),
        ((102, 103, 106), 7.0),
        ((90, 50, 0), -10.0),
        ((0, 0, 0), -100.0),
    ],
)
def test_distance_of_two_cubes(second: tuple[float, float, float], distance: float) -> None:
    """Apart it is Euclidean, overlapping the least way out."""
    problem, layouts = cubes((0, 0, 0), second)
    assert geometry.pair_distances(problem, layouts)[0, 0] == pytest.approx(distance)


def test_centre_of_gravity_of_two_cubes_is_between_them() -> None:
    problem, layouts = cubes((0, 450, 450), (700, 450, 450))
    cg = mass_properties.centre_of_gravity(problem, layouts)
    assert cg[0].tolist() == pytest.approx([400, 500, 500])
    assert mass_properties.cg_offset(problem, cg)[0] == pytest.approx(100)


def test_inertia_of_a_cube_and_of_a_dumb_bell() -> None:
    """m a² / 6 for one cube; two add 2 m d² about the axes across their line."""
    for lows, across in ((((0, 0, 0),), 0.01 / 6), (((0, 0, 0), (700, 0, 0)), 2 * (0.01 / 6 + 0.35**2))):
        problem, layouts = cubes(*lows)
        tensor = mass_properties.inertia(problem, layouts, mass_properties.centre_of_gravity(problem, layouts))[0]
        along = len(lows) * 0.01 / 6
        assert np.diag(tensor).tolist() == pytest.approx([along, across, across])
        assert tensor - np.diag(np.diag(tensor)) == pytest.approx(0)


def test_inertia_has_the_products_of_a_slanted_dumb_bell() -> None:
    problem, layouts = cubes((0, 0, 0), (200, 400, 0))
    tensor = mass_properties.inertia(problem, layouts, mass_properties.centre_of_gravity(problem, layouts))[0]
    assert tensor[0, 1] == pytest.approx(-2 * 0.1 * 0.2)
    assert tensor[1, 0] == tensor[0, 1]


def test_gyration_ratio_is_one_half_diagonal_for_masses_in_opposite_corners() -> None:
    problem, layouts = cubes((0, 0, 0), (999, 999, 999), side=1.0)
    tensor = mass_properties.inertia(problem, layouts, mass_properties.centre_of_gravity(problem, layouts))
    assert mass_properties.gyration_ratio(problem, tensor)[0] == pytest.approx(1.0, abs=2e-3)


def test_sink_of_a_turning_craft_in_low_orbit_is_somewhat_below_freezing() -> None:
    assert 255 < sink_temperature() < 275


def test_placing_keeps_boxes_inside_and_apart_where_there_is_room() -> None:
    bom = parse_bom(
        {
            "components": [
                {"id": "a", "dimensions": {"x": 30, "y": 50, "z": 70}, "mass": 1, "power": 0, "quantity": 4}
            ],
            "envelope": dict.fromkeys("xyz", 250),
            "constraints": {"min_clearance_mm": 5},
        }
    )
    problem = build_problem(bom)
    layouts = place(problem, np.random.default_rng(1).random((200, problem.dimension)))
    assert (layouts.low >= 0).all()
    assert (layouts.high <= 250).all()
    assert set(np.sort(layouts.size, axis=2).reshape(-1, 3)[0].tolist()) == {30.0, 50.0, 70.0}
    apart = constraints.closest_pair(problem, geometry.pair_distances(problem, layouts)) >= 5
    assert apart.mean() > 0.9


def test_distance_with_a_single_box_is_finite() -> None:
    problem, layouts = cubes((0, 0, 0))
    found = constraints.closest_pair(problem, geometry.pair_distances(problem, layouts))
    assert found[0] == pytest.approx(math.sqrt(3) * 1000)
