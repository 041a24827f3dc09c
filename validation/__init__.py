"""How good the program's judgement is.

``python -m validation`` runs every ``check_*`` module here and records its figures.
"""
