"""The accelerator: a compiled kernel that computes whole frames, its program and tables, and its self-test."""
