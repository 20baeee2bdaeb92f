"""A fixture for tests that train or export a network."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(scope="session")
def one_torch_thread():
    """Networks this small gain nothing from threads, which slow each other down on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
