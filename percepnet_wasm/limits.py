"""Limits and time constants that the NumPy engine and the kernel share."""

__all__ = ["LOUDEST", "SILENT", "SNR_MEMORY", "SNR_TINY", "TINY"]

LOUDEST = 1e6
"""Samples beyond this are not audio; their squares would overflow and corrupt the state permanently."""
SILENT = 1e-18
"""Samples below this are set to zero: their products would be denormal, which processors handle very slowly."""
TINY = 1e-30
"""Added to divisors that may be 0: a silent band's energy, a silent frame's level."""
SNR_MEMORY = 0.98
"""A frame's weight fades to a third within half a second of further frames of its kind, with voice or without."""
SNR_TINY = 1e-20
"""Keeps the ratio finite before anything has been heard."""
