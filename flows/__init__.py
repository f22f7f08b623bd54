"""Prefect flows: each wraps the stages of smcloud.pipeline and holds no arithmetic."""
