"""Unattended sessions: grid after grid is loaded, looked over, sampled and ranked; every skip is explained."""
