"""What a source holds now, as a fingerprint: equal where nothing changed, wherever the source lies."""

from __future__ import annotations

import hashlib
from typing import Any

from smcloud.catalog import resolved
from smcloud.catalog_schema import Catalog, Entry
from smcloud.reaching import reaching

FULL_DIGEST_BYTES = 2**30


def source_state(catalog: Catalog, name: str) -> str:
    """A fingerprint of what the source holds now and how it is read, never of its address.

    Local sources: relative path, size and content of every file; beyond 1 GiB in all the time of change
    stands for the content. Remote ones: the content of the Zarr metadata of the group and the variables, or a
    single file's checksum, ETag or size. References: those of the reference file. Icechunk: the pinned snapshot,
    or else what the repository says of its branches, wherever it lies.
    """
    import fsspec

    entry = resolved(catalog, name)
    digest = hashlib.sha256(entry.metadata.model_dump_json(exclude={"licence", "citation"}).encode())
    digest.update(entry.args.model_dump_json(include={"xarray_kwargs"}).encode())
    if entry.args.snapshot:
        digest.update(entry.args.snapshot.encode())
        return digest.hexdigest()[:16]
    options = dict(entry.args.storage_options)
    urls: tuple[str, ...] = entry.args.urls
    if "fo" in options:
        urls, options = (options["fo"],), options.get("target_options", {})
    for url in urls:
        with reaching(f"{catalog.path}: {name} ({url})", f"smcloud catalog check {catalog.path}"):
            fs, key = fsspec.core.url_to_fs(url, **options)
            fs.invalidate_cache()
            paths = sorted(fs.glob(key)) if "*" in key else [key]
            if not paths:
                raise FileNotFoundError(url)
            if entry.metadata.reader == "icechunk":
                _digest_branches(digest, fs, key, entry.args.branch)
            elif {"file", "memory"} & ({fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)):
                _digest_files(digest, fs, paths)
            else:
                for path in paths:
                    _digest_object(digest, fs, path, entry)
    return digest.hexdigest()[:16]


def _digest_files(digest: hashlib._Hash, fs: Any, paths: list[str]) -> None:
    files: dict[str, tuple[str, dict[str, Any]]] = {}
    for path in paths:
        found = fs.find(path, detail=True)
        if not found:
            raise FileNotFoundError(path)
        for file, info in found.items():
            files[file] = (file.removeprefix(path) if file != path else "", info)
    whole = sum(info["size"] for _, info in files.values()) <= FULL_DIGEST_BYTES
    for file in sorted(files):
        relative, info = files[file]
        content = hashlib.sha256(fs.cat_file(file)).hexdigest() if whole else info.get("mtime", info.get("created"))
        digest.update(f"{relative}\0{info['size']}\0{content}\n".encode())


def _digest_branches(digest: hashlib._Hash, fs: Any, path: str, branch: str) -> None:
    """The objects of an Icechunk repository that name the snapshots at the tips: one for all, or one by branch."""
    root = path.rstrip("/")
    tips = fs.cat([f"{root}/repo", f"{root}/refs/branch.{branch}/ref.json"], on_error="omit")
    if not tips:
        raise FileNotFoundError(f"{path}/repo or refs/branch.{branch}/ref.json")
    for name in sorted(tips):
        digest.update(name.removeprefix(root).encode() + b"\0" + tips[name])


def _digest_object(digest: hashlib._Hash, fs: Any, path: str, entry: Entry) -> None:
    """A remote Zarr group by its metadata, a remote file by what its store says of it."""
    if entry.driver == "zarr" and "fo" not in entry.args.storage_options:
        group = "/".join([path.rstrip("/"), *filter(None, [entry.args.xarray_kwargs.get("group")])])
        variables = [f"{group}/{spec.name}" for spec in entry.metadata.variables.values()]
        names = [f"{place}/{meta}" for place in [group, *variables] for meta in ("zarr.json", ".zmetadata", ".zarray")]
        contents = fs.cat(names, on_error="omit")
        if not contents:
            raise FileNotFoundError(f"{group}/zarr.json or .zmetadata")
        for name in sorted(contents):
            digest.update(name.removeprefix(group).encode() + b"\0" + contents[name])
        return
    info = fs.info(path)
    digest.update(str(next(filter(None, (info.get(key) for key in ("md5Hash", "ETag", "etag", "size"))), "")).encode())
