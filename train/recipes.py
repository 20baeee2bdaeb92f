"""Recipes: the settings of the runs from which models are released, and of the baseline."""

from __future__ import annotations

from train.loop import Config

RECIPES: dict[str, Config] = {
    # Learns from simulated scenes alone. Train and release it first: the classifier learns from its mistakes.
    "detector": Config(recipe="detector", arch="detector", epochs=29, batch_size=128, scenes=96_000),
    "classifier": Config(
        recipe="classifier", arch="cnn", epochs=22, batch_size=128, scenes=10_000, repeats=2
    ),
    # The simplest network, on MNIST alone: what the classifier is compared with.
    "baseline": Config(recipe="baseline", arch="mlp", epochs=20, scenes=0),
}


def is_unchanged(config: Config) -> bool:
    """Whether a run has exactly the settings of its recipe."""
    return RECIPES.get(config.recipe) == config
