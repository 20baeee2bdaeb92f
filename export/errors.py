"""The error that export raises; its message is one line."""


class ExportError(Exception):
    """A run cannot be exported, or its models do not agree."""
