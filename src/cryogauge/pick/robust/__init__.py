"""Learning from noisy, imbalanced labels: labels corrected and examples weighted by what helps on a clean set.

RobPicker (Hosseini, Liang et al.): equations 1–15. The levels are stepped by :mod:`cryogauge.learn.bilevel`.
"""
