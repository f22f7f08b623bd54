"""What each key of a catalog says, for editors and for the reference; a test misses none."""

from __future__ import annotations

from collections.abc import Mapping

# By class and key: what the key means or does, and the unit of its value where it has one.
TEXTS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "VariableSpec": {
        "name": ("What the variable is called in the source.", ""),
        "units": (
            "Unit of its values, after scale, in any usual spelling. It must be convertible to that of the role.",
            "",
        ),
        "attr_units": ("What the source's own attribute says, where that is something else.", ""),
        "period": ("Step of the record; static is one map.", ""),
        "stamp": (
            "Which part of its step a time marks. Left out: time bounds say it, else a stamp where a period "
            "begins is its start (of a running total, its end).",
            "",
        ),
        "aggregate": (
            "How steps become a month: mean (of rates too), sum of the amounts of steps, or class for codes.",
            "",
        ),
        "accumulation": ("Values are running totals, which become amounts first.", ""),
        "valid_range": ("Smallest and largest value that can be true; a value outside stops the run.", "as units"),
        "fill": (
            "Raw values that mean missing, where the source has no attribute for it; [] says that none does.",
            "as stored",
        ),
        "scale": (
            "Factor of raw values, where the source has no attribute for it, or beside attr_units a conversion.",
            "units per raw value",
        ),
        "flag": ("Companion with quality bits of ESA CCI; any of 1 to 32 drops a value.", ""),
        "sensor": ("Companion with the sensors of each value, for the steps where they change.", ""),
        "uncertainty": ("Companion with the standard error of each value.", "as units"),
        "legend": ("Names of the codes, for aggregate class.", ""),
        "coverage_change": (
            "Share by which the number of cells with a value may differ from the month before; 1 allows anything.",
            "1",
        ),
    },
    "ValidEnd": {
        "attr": ("Attribute of the source that names the end of the final record; later steps are not read.", ""),
        "provisional_attr": ("Attribute that names the end of the provisional steps behind it.", ""),
        "months": ("Of a source that marks nothing: the last so many months are provisional.", "month"),
    },
    "Metadata": {
        "reader": ("Form of the source, where it is not plain Zarr or NetCDF.", ""),
        "version": ("Version of the data set; it stands in releases and citations.", ""),
        "licence": ("Licence of the source; it stands beside what is made from it.", ""),
        "citation": ("How to cite the source.", ""),
        "valid_end": ("Up to which step the source is final.", ""),
        "complete": ("Vouches that a store holds every chunk: a missing one is then an error.", ""),
        "versions": ("Which of several versions in one folder counts; without it two versions are an error.", ""),
        "absent_chunks": (
            "What a chunk means that is not there: missing values, or the fill value where a store leaves it out "
            "on purpose.",
            "",
        ),
        "axes": ("Variables that are latitude and longitude, where nothing in the source tells.", ""),
        "select": ("The one level, member or the like that is read.", ""),
        "variables": ("The variables, by role.", ""),
    },
    "Entry": {
        "driver": ("zarr, or netcdf for files of any other form.", ""),
        "description": ("What the source is, in a sentence.", ""),
        "args": ("Where it lies and how it is opened.", ""),
        "metadata": ("What the source does not say of itself.", ""),
    },
    "Catalog": {
        "path": ("Where the file was read; nobody writes this.", ""),
        "sources": ("The entries, by name.", ""),
    },
    "Args": {
        "urlpath": (
            "Address, pattern or list of addresses; {{ CATALOG_DIR }} and {{ env(SMCLOUD_...) }} are filled in.",
            "",
        ),
        "chunks": ("Steps of a dask chunk along dimensions, where the stored chunks do not serve.", "step"),
        "storage_options": ("Options of the file system, from a list: anonymous access, endpoint, region.", ""),
        "xarray_kwargs": ("Arguments of xarray, from a list: group, engine, consolidated.", ""),
        "branch": ("Branch of an Icechunk repository.", ""),
        "snapshot": ("Snapshot of an Icechunk repository, which pins it: it is read as it was then.", ""),
        "points_to": (
            "Hosts, buckets or folders that kerchunk references may lead to, beside that of their own file.",
            "",
        ),
    },
    "Accumulation": {
        "reset": ("Where running totals begin anew: each day, month or year.", ""),
        "hour": ("Hour, or hours, of the day (UTC) at which totals begin anew.", "hour"),
    },
    "Versions": {
        "prefer": ("newest takes of each date the highest version that a file's name states.", ""),
    },
}
