"""Scores the reading of photographs in which every digit is labelled with a box."""
