"""Networks are trained and exported on one thread."""

from tests.train.threads import one_torch_thread

__all__ = ["one_torch_thread"]
