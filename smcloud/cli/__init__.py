"""The command line: a thin layer over the pipeline."""

from smcloud.cli.app import main

__all__ = ["main"]
