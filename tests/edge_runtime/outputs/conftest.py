"""Fixtures of the outputs' tests."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """These tests write hundreds of files, and a busy disk takes half a second for each."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
