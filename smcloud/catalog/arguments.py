"""The arguments of a catalog entry: addresses, storage options and how xarray opens them, all of them allow-listed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from smcloud.catalog.security import (
    REFERENCE_OPTIONS,
    SCHEMES,
    TARGET_SCHEMES,
    require_arguments,
    require_options,
    require_scheme,
)  # fmt: skip
from smcloud.config.strict_yaml import Model, invalid_value


class Args(Model):
    """Arguments of intake's zarr and netcdf drivers that a catalog may set; ``branch`` and ``snapshot`` of Icechunk.

    A snapshot pins an Icechunk repository: it is read as it was then, whatever the branch has become. Kerchunk
    references may lead to the host, bucket or folder of their own file; ``points_to`` names other places that are
    trusted.
    """

    urlpath: str | tuple[str, ...]
    chunks: Mapping[str, Annotated[int, Field(ge=-1, le=2**31)]] = Field(default_factory=dict)
    storage_options: Mapping[str, Any] = Field(default_factory=dict)
    xarray_kwargs: Mapping[str, Any] = Field(default_factory=dict)
    branch: Annotated[str, Field(min_length=1)] = "main"
    snapshot: Annotated[str, Field(min_length=1)] | None = None
    points_to: tuple[str, ...] = ()

    @property
    def urls(self) -> tuple[str, ...]:
        """The address or addresses."""
        return (self.urlpath,) if isinstance(self.urlpath, str) else self.urlpath

    @field_validator("urlpath", mode="before")
    @classmethod
    def _addresses(cls, value: object) -> object:
        urls = [value] if isinstance(value, str) else value
        if not isinstance(urls, list | tuple) or not urls or not all(isinstance(url, str) and url for url in urls):
            raise invalid_value("an address or a list of addresses", value)
        for url in urls:
            require_scheme(url, SCHEMES)
        return value

    @field_validator("points_to")
    @classmethod
    def _places(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:
            require_scheme(url, TARGET_SCHEMES)
        return value

    @field_validator("storage_options")
    @classmethod
    def _open_options(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        require_options(value)
        return value

    @field_validator("xarray_kwargs")
    @classmethod
    def _open_arguments(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        require_arguments(value)
        return value

    @model_validator(mode="after")
    def _reference_target(self) -> Args:
        if any(url.startswith("reference:") for url in self.urls):
            if self.urls != ("reference://",) or "fo" not in self.storage_options:
                raise invalid_value(
                    "urlpath reference:// and storage_options.fo, the address of the references", self.urlpath
                )
        elif set(REFERENCE_OPTIONS) & set(self.storage_options) or self.points_to:
            raise invalid_value(
                "urlpath reference://, as storage_options are those of references", self.urlpath, "urlpath"
            )
        return self
