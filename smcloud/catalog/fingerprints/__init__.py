"""The current content of a source as digests of its parts: equal where nothing changed, wherever the source is stored.

A part is what months can be traced to: the chunks of a variable that share a time chunk, or one file. Only metadata,
listings and, of small local sources, contents are read here; no array library is imported but for Icechunk.
"""

from smcloud.catalog.fingerprints.chunks import digest_of
from smcloud.catalog.fingerprints.icechunk import pinned
from smcloud.catalog.fingerprints.parts import SourceFingerprint, source_parts, source_state

__all__ = ["SourceFingerprint", "digest_of", "pinned", "source_parts", "source_state"]
