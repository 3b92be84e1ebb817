"""Build what is published: wheel, site, npm package, kernel."""
