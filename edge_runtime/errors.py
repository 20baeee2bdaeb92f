"""The errors that the library raises; each message is one line that names the input and what to do.

EdgeDigitsError
├── ImageError             what was given is not an image that can be read
├── SourceError              a camera, video or list of images cannot be opened or went away
├── ModelError               a model is missing, damaged or made for another contract
├── OutputError              results cannot be written
└── MissingDependencyError   an optional package is needed; the message says how to install it
"""


class EdgeDigitsError(Exception):
    """Anything this library raises on purpose."""


class ImageError(EdgeDigitsError):
    """What was given is not an image that can be read."""


class SourceError(EdgeDigitsError):
    """A camera, video or list of images cannot be opened, or went away."""


class ModelError(EdgeDigitsError):
    """A model is missing, damaged or made for another contract."""


class OutputError(EdgeDigitsError):
    """Results cannot be written."""


class MissingDependencyError(EdgeDigitsError):
    """An optional package is needed for what was asked."""
