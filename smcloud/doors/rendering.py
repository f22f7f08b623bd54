"""All doors to a release, as bytes by path: what :func:`smcloud.store.write_doors` writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from smcloud.doors.addresses import Address, address_of
from smcloud.doors.citation_file import citation_file
from smcloud.doors.groups import Group, read_groups
from smcloud.doors.icechunk_door import container_of, icechunk_files
from smcloud.doors.index_page import index_page
from smcloud.doors.intake_catalog import intake_catalog
from smcloud.doors.stac import stac_catalog, stac_files
from smcloud.store import Doors, Release, Store
from smcloud.store.layout import CATALOG, CITATION, INDEX
from smcloud.store.objects import read

Explorer = Callable[[Release, Mapping[str, Group]], Mapping[str, bytes]]
"""Renders the files of the explorer by path; none where it was not built."""


def render(
    store: Store, release: Release, digest: str, address: Address | None = None, explorer: Explorer | None = None
) -> Doors:
    """Render the doors to ``release``, whose record has the sha256 ``digest``; nothing is written.

    ``address`` is where readers find the store, by default :func:`.addresses.address_of`; ``explorer`` adds that page,
    where there is one. The same release gives the
    same bytes, but for the Icechunk repository, which goes on from the one that is there, and the links to the report,
    which are there when it is. Raises :class:`IntegrityError` where the metadata of cube or products are not what was
    sealed.
    """
    address = address or address_of(store)
    groups = read_groups(store, release)
    report = release.report if read(store, release.report) is not None else None
    catalog = stac_catalog(release, groups, digest, report)
    container = container_of(address)
    head, beside = icechunk_files(store, release, container) if container else ({}, {})
    page = explorer(release, groups) if explorer else {}
    drawn = next((path for path in page if path.endswith(".html")), None)
    files = {
        **page,
        **stac_files(catalog),
        CITATION: citation_file(release, digest),
        CATALOG: intake_catalog(catalog),
        **head,
        INDEX: index_page(release, groups, address, digest, container, report, drawn),
    }
    return Doors(files, beside)
