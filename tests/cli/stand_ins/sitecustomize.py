"""Stands in for the rooms in every Python process of a test, workers included: what the command line does with them
is tested here without networks. Python imports a module of this name when it starts.
"""

import sys

import stand_in_score
import stand_in_simulate

sys.modules["cryogauge.score"] = stand_in_score
sys.modules["cryogauge.simulate"] = stand_in_simulate
