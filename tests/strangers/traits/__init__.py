"""The traits, a module for each kind: ``TRAITS`` and ``SWITCHES``."""
