"""What can go wrong in export, as one line."""


class ExportError(Exception):
    """A run cannot be exported, or a gate found that the models do not agree."""
