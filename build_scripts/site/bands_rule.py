"""Draw ``bands.svg``, the rule in the pages' header: a tick at the tip of each band, 0 to 20 kHz, every tenth longer.

The style sheet uses it as a mask, so that it takes the scheme's colour.
"""

from percepnet_wasm.signal.bands import edges

LONG_EVERY = 10
SHORT, LONG = 50, 100
"""Lengths of the ticks, in hundredths of the height."""


def bands_rule() -> str:
    """Return the drawing, stretched to whatever box it is put in."""
    tips = edges()
    ticks = "".join(
        f"M{1000 * tip / tips[-1]:g} 0V{LONG if band % LONG_EVERY == 0 else SHORT}" for band, tip in enumerate(tips)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="100" viewBox="0 0 1000 100" '
        'preserveAspectRatio="none">'
        f'<path d="M0 0H1000{ticks}" fill="none" stroke="#000" vector-effect="non-scaling-stroke"/></svg>'
    )
