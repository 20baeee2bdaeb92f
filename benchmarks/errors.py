"""The benchmarks' error; the message is one line."""


class BenchmarkError(Exception):
    """Data or a record is missing or damaged, or something cannot be measured."""
