"""Doors to a release: the ways in which people and tools open it, each made from its record and what is sealed."""

from smcloud.doors.rendering import render

__all__ = ["render"]
