"""Checks of how the sources read: layers, sizes, layout, annotations. `make check-style` runs them all."""
