"""Which rows of docs/feature-map.md have a passing test: `make coverage`."""
