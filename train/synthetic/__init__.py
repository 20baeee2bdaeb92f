"""Simulated handwriting, paper, scenes, cameras and videos, drawn with numpy and OpenCV, without PyTorch.

Some functions need packages of the extra `train`, and import them only when they are called: printing text
needs Pillow and the packages of fonts; redrawing MNIST's digits with another pen, and writing characters of
other scripts by hand, need scikit-image.
"""
