"""What ideal gains could do with a known mix: targets, the ladder of rungs, measures, figures and reports."""
