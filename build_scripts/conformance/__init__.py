"""The web platform's own tests with and without the script tag: ``python -m build_scripts.conformance``."""
