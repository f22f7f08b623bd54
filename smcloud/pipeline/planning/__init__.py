"""The same stages as a dry run: their lazy computations are built on metadata, counted, and never computed."""
