"""Equalisation: outputs stay, and the channels of a map use more of its range."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from export import equalise, graph
from train import networks


@pytest.fixture(scope="module")
def uneven():
    """A detector of which some channels are far larger than others."""
    torch.manual_seed(3)
    network = networks.detector().eval()
    with torch.no_grad():
        for layer in network.layers:
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.weight *= torch.logspace(-1, 1, len(layer.weight))
    return graph.to_onnx(network)


@pytest.fixture(scope="module")
def batches():
    return [np.random.default_rng(index).integers(0, 256, (2, 64, 64), np.uint8) for index in range(2)]


def outputs(model, images):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {graph.INPUT: images})[0]


def test_outputs_stay_the_same_and_ranges_come_closer(uneven, batches):
    equalised = equalise.equalise(uneven, batches)
    before, after = outputs(uneven, batches[0]), outputs(equalised, batches[0])
    np.testing.assert_allclose(after, before, atol=1e-3 * np.abs(before).max())
    pairs = equalise._pairs(uneven)
    assert len(pairs) == 8
    for ranges in zip(
        *(equalise._ranges(model, pairs, batches) for model in (uneven, equalised)), strict=True
    ):
        wide, narrow = (np.ptp(np.log(np.maximum(each, 1e-3))) for each in ranges)
        assert narrow < 0.8 * wide


def test_the_given_model_is_left_as_it_is(uneven, batches):
    original = uneven.SerializeToString()
    equalise.equalise(uneven, batches)
    assert uneven.SerializeToString() == original


def test_networks_without_convolutions_have_nothing_to_equalise(batches):
    model = graph.to_onnx(networks.mlp())
    equalised = equalise.equalise(model, [batches[0][:, :28, :28]])
    for one, other in zip(model.graph.initializer, equalised.graph.initializer, strict=True):
        np.testing.assert_array_equal(numpy_helper.to_array(one), numpy_helper.to_array(other))
    onnx.checker.check_model(equalised)
