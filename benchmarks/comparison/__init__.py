"""The side-by-side benchmark behind ``make bench``: see ``benchmarks/compare.py``."""
