"""2-D class averages and the particles in them, from and for the programs that made them."""

from cryogauge.io.classes.door import open_classes
from cryogauge.io.classes.labelled import LabelledClasses, read_labelled_classes
from cryogauge.io.classes.particles import ClassParticles, read_class_particles
from cryogauge.io.classes.select import Selected, select_particles
from cryogauge.io.classes.write import write_graded_star

__all__ = [
    "ClassParticles",
    "LabelledClasses",
    "Selected",
    "open_classes",
    "read_class_particles",
    "read_labelled_classes",
    "select_particles",
    "write_graded_star",
]
