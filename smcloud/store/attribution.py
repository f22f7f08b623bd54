"""What readers are given in memory beside what is sealed.

That is what only a release knows (number, date, publisher, how to cite it), which is not sealed so that the same work
gives the same bytes; and what JSON and Zarr cannot say: the type of flags, and how to write a copy that CF reads right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from smcloud.store.records import Release

if TYPE_CHECKING:
    import xarray as xr

PROJECT = "smcloud"
FLAGS = ("flag_values", "flag_masks")
# Conventions of Zarr groups: a list of records, which no other format can hold.
OF_ZARR = ("zarr_conventions", "proj:", "spatial:")


def attributed(ds: xr.Dataset, release: Release, name: str) -> xr.Dataset:
    """Return ``ds``, opened as ``name`` of ``release``, with attributes, typed flags, and an encoding to write with.

    What is sealed comes first, but the publisher's licence before those of the inputs. A plain ``to_netcdf`` gives
    integers without ``_FillValue``, coordinates without a fill value, and no grid mapping among coordinates.
    """
    own = {key: value for key, value in ds.attrs.items() if not str(key).startswith(OF_ZARR)}
    given = release_attributes(release, str(own.get("title", "products"))) | {"id": identifier(release, name)}
    if release.config.get("publisher", {}).get("licence"):
        own.pop("license", None)
    out = ds.copy()
    out.attrs = given | own
    for key, variable in ds.variables.items():
        typed = {flag: np.array(variable.attrs[flag], variable.dtype) for flag in FLAGS if flag in variable.attrs}
        out[key].attrs = variable.attrs | typed
        out[key].encoding = {"coordinates": None} | variable.encoding
        if key in ds.coords:
            out[key].encoding["_FillValue"] = None
    return out


def release_attributes(release: Release, title: str) -> dict[str, str]:
    """Return global attributes (ACDD-1.3) of what ``release`` names under ``title``, without those not known.

    ``license`` is that of the publisher, or without one those of the inputs.
    """
    publisher: Mapping[str, Any] = release.config.get("publisher", {})
    name, institution = publisher.get("name", ""), publisher.get("institution", "")
    attributes = {
        "product_version": f"release {release.number}",
        "date_issued": release.created,
        "date_modified": release.created,
        "creator_name": name,
        "creator_institution": institution,
        "creator_email": publisher.get("email", ""),
        "creator_url": publisher.get("url", ""),
        "publisher_name": name,
        "publisher_institution": institution,
        "publisher_email": publisher.get("email", ""),
        "publisher_url": publisher.get("url", ""),
        "institution": institution,
        "naming_authority": _authority(publisher.get("url", ""), publisher.get("email", "")),
        "project": PROJECT,
        "license": publisher.get("licence", "") or licences(release),
        "citation": citation(release, title),
        "acknowledgement": acknowledgement(release),
        "source": "; ".join(f"{role}: {entry.entry}" for role, entry in release.inputs.items()),
    }
    return {key: value for key, value in attributes.items() if value}


def identifier(release: Release, name: str) -> str:
    """Return the ``id`` of the cube or a product: its name, and a digest of its content where the release has one."""
    entry = release.cube if name == "cube" else release.products[name]
    return f"{name}.{(entry.inventory_sha256 or release.run_id)[:16]}"


def citation(release: Release, title: str) -> str:
    """Say how to cite ``title`` of ``release``: who, when, what, which release and run, and how it was made."""
    publisher: Mapping[str, Any] = release.config.get("publisher", {})
    who = ", ".join(filter(None, (publisher.get("name"), publisher.get("institution"))))
    year = f"({release.created[:4]})"
    what = f"{who} {year}: {title}" if who else f"{title} {year}"
    made = " ".join(filter(None, (PROJECT, release.code.get(PROJECT))))
    return f"{what}, release {release.number} (run {release.run_id}), made with {made}."


def acknowledgement(release: Release) -> str:
    """Name the inputs of ``release`` as their makers wish to be cited, each once."""
    found = dict.fromkeys(entry.citation for entry in release.inputs.values() if entry.citation)
    return "Made from " + "; ".join(text.rstrip(".") for text in found) + "." if found else ""


def licences(release: Release) -> str:
    """List the licences of the inputs of ``release``, each once; empty where none is known."""
    found = dict.fromkeys(entry.licence for entry in release.inputs.values() if entry.licence)
    return "not stated by the publisher; inputs: " + "; ".join(found) if found else ""


def _authority(url: str, email: str) -> str:
    """The publisher's host, its parts from the last to the first as is the custom; empty where neither names one."""
    host = urlsplit(url).hostname or email.rpartition("@")[2]
    return ".".join(reversed(host.removeprefix("www.").split(".")))
