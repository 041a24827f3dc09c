"""Unattended selection: classify, grade, set aside and drop, round by round (CryoSift, section 3.2)."""
