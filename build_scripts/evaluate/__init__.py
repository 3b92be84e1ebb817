"""Measure the quality of what the enhancer puts out, and of its tests."""
