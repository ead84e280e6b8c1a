"""What the project promises about speed, beside what it is compared with (architecture.md 1).

`python -m benchmarks [NAME…] [--quick]` runs them and writes the figures into `docs/benchmarks.md`. Every
comparison is made within one run, by turns, and told as medians and ratios.
"""
