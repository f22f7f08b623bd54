"""``python -m smcloud.cli``."""

from smcloud.cli import main

main()
