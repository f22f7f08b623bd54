"""A first catalog and configuration, written for who has files: what they hold, how it is understood, what is unknown.

Files are found and grouped by their names (``places``), their metadata read (``headers``) and held against what the
roles are called (``roles``); each group is drafted as an entry (``drafting``) and opened as ``smcloud catalog check``
opens it (``record``). ``study`` makes the configuration, ``writing`` both files.
"""

from smcloud.first_study.look import Looked, look
from smcloud.first_study.writing import write_both

__all__ = ["Looked", "look", "write_both"]
