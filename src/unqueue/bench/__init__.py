"""Measurements of the hot path, as ratios to a raw floor measured in the same run."""
