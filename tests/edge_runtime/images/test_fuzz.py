"""Mutated files of every format: each is decoded, or reported in one line."""

from __future__ import annotations

import pytest

from edge_runtime import ImageError
from edge_runtime.images import decode
from tests import fuzz

WRITTEN = fuzz.samples()


@pytest.mark.parametrize("kind", WRITTEN)
def test_mutated_files_are_decoded_or_reported(kind):
    for number in range(list(WRITTEN).index(kind), 20 * len(WRITTEN), len(WRITTEN)):
        data = fuzz.file(number, WRITTEN)[1]
        for decoder in (decode.decode, decode.decode_colour):
            try:
                assert decoder(data).size
            except ImageError as error:
                assert "\n" not in str(error)
