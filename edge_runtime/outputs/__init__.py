"""Writes results to files: tables, annotated images, event files, recordings and snapshots."""
