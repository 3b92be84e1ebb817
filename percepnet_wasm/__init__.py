"""PercepNet speech enhancement in NumPy: 48 kHz, 34 bands, 30 ms of delay."""

__version__ = "0.1.0"
