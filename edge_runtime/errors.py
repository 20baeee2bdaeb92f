"""Exceptions of the library. Every message is one line that names the input and says what to do.

EdgeDigitsError
├── ArgumentError            an argument has no valid value; it is a ValueError, too
├── ImageError               not an image, damaged, or too large
├── SourceError              a camera, video, folder or address cannot be used, or is lost
├── ModelError               a model is missing, damaged or incompatible
├── OutputError              results cannot be written
└── MissingDependencyError   an optional package is not installed; the message says how to install it
"""


class EdgeDigitsError(Exception):
    """Base class of all exceptions that this library raises on purpose."""


class ArgumentError(EdgeDigitsError, ValueError):
    """An argument of a function has no valid value."""


class ImageError(EdgeDigitsError):
    """The input is not an image, is damaged, or is too large."""


class SourceError(EdgeDigitsError):
    """A camera, video, folder or address cannot be used, or is lost."""


class ModelError(EdgeDigitsError):
    """A model is missing, damaged or incompatible with this version."""


class OutputError(EdgeDigitsError):
    """Results cannot be written."""


class MissingDependencyError(EdgeDigitsError):
    """A feature needs an optional package that is not installed."""
