"""Conformance suites: what a plug-in must do, tried on ours and open to everybody's."""
