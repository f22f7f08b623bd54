"""Prefect flows: each wraps the stages of smcloud.pipeline and computes nothing itself."""
