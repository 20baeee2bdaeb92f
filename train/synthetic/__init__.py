"""Simulated pens, paper, scenes, cameras and videos, drawn with numpy and OpenCV."""
