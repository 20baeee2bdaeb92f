"""Simulated handwriting, paper, scenes, cameras and videos, drawn with numpy and OpenCV, without PyTorch.

Two functions need packages of the extra `train`: redrawing MNIST's digits with another pen (scikit-image) and
printing letters (Pillow, matplotlib). They import these packages only when they are called.
"""
