"""Measure the quality of the enhancer's output, and of its tests."""
