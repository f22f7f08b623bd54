"""What a source holds now, as digests of its parts: equal where nothing changed, wherever the source lies.

A part is what months can be traced to: the chunks of a variable that share a time chunk, or one file. Only metadata,
listings and, of small local sources, contents are read here; no array library is imported but for Icechunk.
"""

from smcloud.source_state.chunks import digest_of
from smcloud.source_state.icechunk import pinned
from smcloud.source_state.parts import SourceParts, source_parts, source_state

__all__ = ["SourceParts", "digest_of", "pinned", "source_parts", "source_state"]
