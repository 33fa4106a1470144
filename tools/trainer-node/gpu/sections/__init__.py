"""Sections of check.py: each a function of a Run, which adds its rows to the report."""
