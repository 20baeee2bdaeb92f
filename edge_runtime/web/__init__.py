"""The web page and the HTTP API of a device: live view, drawing pad and image uploads.

Uploads are never written to disk. Needs the extra `web`.
"""

from edge_runtime.errors import MissingDependencyError

try:
    import fastapi  # noqa: F401
    import prometheus_client  # noqa: F401
    import uvicorn  # noqa: F401
except ImportError as error:
    raise MissingDependencyError(
        f"the web page needs {error.name or 'more packages'}: pip install 'edge-digits[web]'"
    ) from error
