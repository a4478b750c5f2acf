"""What the outside of the craft sees: one equivalent sink temperature.

The craft turns, so that each panel sees the same on average over an orbit. Hot operating case with the body
panels covered by solar cells. Method and terms: Gilmore (ed.), Spacecraft Thermal Control Handbook I (2002),
chapter 2; Wertz and Larson, Space Mission Analysis and Design, 11.5; solar constant and Earth infrared as in
ECSS-E-ST-10-04C.
"""

from __future__ import annotations

import math

STEFAN_BOLTZMANN = 5.670374419e-8
"""W/(m²·K⁴), CODATA 2018."""
ZERO_CELSIUS = 273.15

SOLAR = 1361.0
"""W/m², mean at 1 au."""
ALBEDO = 0.30
EARTH_INFRARED = 239.0
"""W/m², mean."""
EARTH_RADIUS = 6371.0
ALTITUDE = 500.0
"""km."""
SUNLIT = 0.63
"""Part of a 500 km orbit in sunlight with the Sun in its plane."""
SUBSOLAR = 0.25
"""Mean over the sphere of the cosine to the Sun where it shines: what the Earth reflects towards a low orbit."""
PANEL_ABSORPTIVITY = 0.70
"""Solar cells, less what they turn into electricity."""
PANEL_EMISSIVITY = 0.82


def earth_view() -> float:
    """Part of the full sphere that the Earth takes up: (1 - cos ρ) / 2 with sin ρ = R / (R + h)."""
    sine = EARTH_RADIUS / (EARTH_RADIUS + ALTITUDE)
    return (1 - math.sqrt(1 - sine**2)) / 2


def absorbed_flux() -> float:
    """W/m² taken in by each panel on average; a turning plane catches a quarter of a parallel beam per side pair,
    as a convex body does (Cauchy's theorem on mean projected area)."""
    sun = PANEL_ABSORPTIVITY * SOLAR * SUNLIT / 4
    reflected = PANEL_ABSORPTIVITY * SOLAR * ALBEDO * SUBSOLAR * earth_view()
    infrared = PANEL_EMISSIVITY * EARTH_INFRARED * earth_view()
    return sun + reflected + infrared


def sink_temperature() -> float:
    """K: a panel without any load of its own settles here, (q / εσ)^¼."""
    return float((absorbed_flux() / (PANEL_EMISSIVITY * STEFAN_BOLTZMANN)) ** 0.25)
