"""The command line: a thin face over the pipeline."""

from smcloud.cli.app import main

__all__ = ["main"]
