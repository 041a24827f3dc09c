"""2-D class averages: grades, mass, selection, and classification that iterates unattended."""
