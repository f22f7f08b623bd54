"""One way from labelled arrays to a kernel over series, shared by every statistic along time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.errors import ConfigurationError
from smcloud.stats.status import status_attributes


def apply_to_series(
    function: Callable[..., tuple[npt.NDArray[Any], ...]],
    arrays: Sequence[xr.DataArray],
    dim: str,
    outputs: Mapping[str, tuple[Sequence[str], str]],
    coordinates: Mapping[str, Sequence[str]] | None = None,
    **parameters: object,
) -> xr.Dataset:
    """Run ``function`` once per block; ``dim`` is the last axis of what it gets.

    ``outputs`` gives for each result its own dimensions (after those of the block) and its dtype; ``coordinates``
    the labels of these. Lazy for dask input, and one task per block whatever the number of results.
    """
    labels = dict(coordinates or {})
    results = xr.apply_ufunc(
        function,
        *arrays,
        kwargs=parameters,
        input_core_dims=[[dim]] * len(arrays),
        output_core_dims=[list(dims) for dims, _ in outputs.values()],
        output_dtypes=[np.dtype(dtype) for _, dtype in outputs.values()],
        dask="parallelized",
        dask_gufunc_kwargs={"output_sizes": {name: len(values) for name, values in labels.items()}},
        keep_attrs=False,
    )
    dataset = xr.Dataset(dict(zip(outputs, results, strict=True))).assign_coords(labels)
    dataset["status"].attrs = status_attributes()
    return dataset.transpose(*labels, ...)


def as_rows(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """A block as contiguous float64 rows: one row per cell."""
    return np.ascontiguousarray(values, dtype=np.float64).reshape(-1, values.shape[-1])


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise :class:`ConfigurationError` unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ConfigurationError(
            f"unknown {name}", where=name, found=value, expected=" or ".join(choices), next=f'{name}="{choices[0]}"'
        )


def check_alpha(alpha: float) -> None:
    """Raise :class:`ConfigurationError` unless 0 < ``alpha`` < 1."""
    if not 0 < alpha < 1:
        raise ConfigurationError("impossible significance level", where="alpha", found=alpha, expected="0 < alpha < 1")


def check_min_valid(min_valid: int, least: int = 3) -> None:
    """Raise :class:`ConfigurationError` where ``min_valid`` allows fewer samples than the statistic needs."""
    if min_valid < least:
        raise ConfigurationError(
            "too few samples allowed", where="min_valid", found=min_valid, expected=f"{least} or more"
        )
