"""Simulated single particles and 2-D class averages, each with the grade it deserves."""

from cryogauge.simulate.classes.assemble import random_structure
from cryogauge.simulate.classes.job import ClassSetSettings, SimulatedClasses, make_class_set
from cryogauge.simulate.classes.particles import ParticleSettings, SimulatedParticles, make_particles, write_particles
from cryogauge.simulate.classes.structure import Structure, structure_from_map

__all__ = [
    "ClassSetSettings",
    "ParticleSettings",
    "SimulatedClasses",
    "SimulatedParticles",
    "Structure",
    "make_class_set",
    "make_particles",
    "random_structure",
    "structure_from_map",
    "write_particles",
]
