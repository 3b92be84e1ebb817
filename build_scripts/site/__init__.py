"""Fill the documents and pages with what was measured, and serve the site locally."""
