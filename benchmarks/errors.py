"""What can go wrong in a benchmark, as one line."""


class BenchmarkError(Exception):
    """Data or a record is missing or damaged, or a result cannot be measured."""
