"""Prefect keeps its files out of the user's home while tests run; set before Prefect is imported."""

import os
import tempfile

os.environ.setdefault("PREFECT_HOME", tempfile.mkdtemp(prefix="smcloud-test-prefect-"))
