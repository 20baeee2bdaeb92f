"""The page and the HTTP API of a device: the live image, a pad to draw on, and reading what is sent.

Nothing that is sent is written to the disk. Needs the extra `web`.
"""

from edge_runtime.errors import MissingDependencyError

try:
    import fastapi  # noqa: F401
    import prometheus_client  # noqa: F401
    import uvicorn  # noqa: F401
except ImportError as error:
    raise MissingDependencyError(
        f"serving a page needs {error.name or 'more packages'}: pip install 'edge-digits[web]'"
    ) from error
