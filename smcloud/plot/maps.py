"""The maps of the report, of any product, on any axes of matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from smcloud.products import palette
from smcloud.report import ReportContext, flag_colours
from smcloud.report.canvas import Bools, Colours, colour_table, draw_cells, on_map_grid, scale_end, tick
from smcloud.report.detectable import DETECTABLE
from smcloud.report.maps import driver_cells, trend_cells, trend_limit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOT_LAND = 7  # of status
Entries = list[tuple[str, str]]


def map(
    product: xr.Dataset,
    name: str = "slope",
    ax: Axes | None = None,
    *,
    land: xr.DataArray | None = None,
    limit: float | None = None,
    key: bool = True,
) -> Axes:
    """Draw a variable of a cube or product as the report does: Equal Earth round the globe, cells as they are.

    ``slope`` of a trend is drawn where it is significant, ``dominant_driver`` with its sign, flags in their colours;
    any other number in steps, brown to teal where it has both signs, else pale to violet.

    Parameters
    ----------
    product : xarray.Dataset
        Opened with :func:`smcloud.open_product` or :func:`smcloud.open_cube`. What is drawn is loaded.
    name : str
        A variable over (lat, lon), whatever the order of the two; of one with more dims select the others first.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of pyplot. Its ticks and frame are taken away.
    land : xarray.DataArray, optional
        Above 0 on land, on the same cells: land without a value is striped, and has an outline. By default it is told
        from ``status``, where the product has that and knows land from water.
    limit : float, optional
        The end of the colours, in the unit of the variable; by default the 95th percentile of its magnitude (of the
        significant slopes), rounded up.
    key : bool
        Whether to put a colour bar or legend beside the map.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, in the plane of the projection.

    Raises
    ------
    KeyError
        The product has no such variable.
    ValueError
        The variable is no map: it has other dims than lat and lon.

    Examples
    --------
    >>> import smcloud
    >>> trend = smcloud.open_product(store, "trend")  # the path or URL of a store
    >>> ax = smcloud.plot.map(trend, "slope")
    >>> print(ax.get_title())
    slope, m3 m-3 yr-1
    """
    if name not in product:
        raise KeyError(f"{name!r}: this Dataset has {', '.join(str(held) for held in product.data_vars)}")
    if set(product[name].dims) != {"lat", "lon"}:
        raise ValueError(f"{name} is no map: it has the dims {product[name].dims}; select all but lat and lon first")
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(8, 4.6), layout="constrained")
    kept = [other for other in ("significant", "dominant_driver", "dominant_correlation") if other in product]
    grid = on_map_grid(product, list(dict.fromkeys([name, *kept]))).load()
    if "driver" in product.coords:
        grid = grid.assign_coords(driver=product["driver"])
    cells, entries, scale = _coloured(grid, name, limit)
    ax.set_axis_off()
    ax.set_title(", ".join(filter(None, (name, _unit(product[name])))))
    # The report's notes stand at the foot of its own figures; those of others are not written on.
    nowhere: Any = SimpleNamespace(text=lambda *at, **how: None)
    draw_cells(nowhere, ax, grid, cells, _context(product, _land_of(product) if land is None else land))
    if key:
        _show_key(ax, entries, scale)
    return ax


def _land_of(product: xr.Dataset) -> xr.DataArray | None:
    """Land as ``status`` knows it; None where no cell is told to be water."""
    if "status" not in product or {*product["status"].dims} != {"lat", "lon"}:
        return None
    land = product["status"] != NOT_LAND
    return None if bool(land.all()) else land


def _context(product: xr.Dataset, land: xr.DataArray | None) -> ReportContext:
    """What the drawing of cells asks of a run."""
    step = product.attrs.get("geospatial_lat_resolution")
    mask = None if land is None else land.astype("uint8")
    return ReportContext("", "", "", "", {}, {}, land_mask=mask, resolution=None if step is None else float(step))


def _unit(da: xr.DataArray) -> str:
    unit = str(da.attrs.get("units", ""))
    return "" if unit == "1" else unit


def _coloured(grid: xr.Dataset, name: str, limit: float | None) -> tuple[tuple[Colours, Bools], Entries, Any]:
    """Colours and gaps of the cells; the entries of a legend; the scale of a colour bar, None without one."""
    da = grid[name]
    if name == "slope" and "significant" in grid:
        end = trend_limit(grid) if limit is None else limit * 1e3
        return trend_cells(grid, end), [(palette.NOT_SIGNIFICANT, "not significant")], _scale(-end / 1e3, end / 1e3)
    if name == "dominant_driver" and {"dominant_correlation", "driver"} <= {*grid.variables}:
        drivers = [str(driver) for driver in grid["driver"].values]
        entries = [
            (colour, f"{sign} {driver.replace('_', ' ')}")
            for driver, pair in zip(drivers, palette.driver_colours(drivers), strict=True)
            for sign, colour in zip("+\N{MINUS SIGN}", pair, strict=True)
        ]
        return driver_cells(grid), [*entries, (palette.NOT_SIGNIFICANT, "none"), (palette.TIE, "tie")], None
    if "flag_values" in da.attrs:
        return _flagged(da), _flag_entries(da), None
    values = da.values.astype(float)
    missing = ~np.isfinite(values)
    end = scale_end(np.abs(values)) if limit is None else limit
    if name != DETECTABLE and (values[~missing] < 0).any():
        low, table = -end, colour_table(palette.TREND_STEPS)
        step = np.clip(np.floor(np.where(missing, 0, values) / end * 4) + 5, 0, 9).astype(int)
    else:
        low, table = 0.0, colour_table(palette.DETECTABLE_STEPS)
        step = np.clip(np.floor(np.where(missing, 0, values) / end * 8), 0, 8).astype(int)
    return (table[step], missing), [], _scale(low, end)


def _meanings(da: xr.DataArray) -> dict[int, str]:
    codes = (int(code) for code in np.atleast_1d(da.attrs["flag_values"]))
    return dict(zip(codes, str(da.attrs.get("flag_meanings", "")).split(), strict=False))


def _flag_colours(da: xr.DataArray) -> dict[int, str]:
    """The colours of flags: those that the report gives them, else one after the other."""
    meanings = _meanings(da)
    others = [colour for pair in palette.driver_colours([str(code) for code in meanings]) for colour in pair]
    return flag_colours(str(da.name), meanings) or dict(zip(meanings, others, strict=False))


def _flagged(da: xr.DataArray) -> tuple[Colours, Bools]:
    codes = np.where(np.isfinite(da.values.astype(float)), da.values, 255).astype(int)
    table = np.zeros((256, 4), dtype=np.uint8)
    meanings, chosen = _meanings(da), _flag_colours(da)
    table[list(chosen)] = colour_table(list(chosen.values()))
    gaps = [code for code, meaning in meanings.items() if meaning in ("no_data", "none_known")]
    return table[np.clip(codes, 0, 255)], np.isin(codes, [*gaps, *set(range(256)).difference(meanings)])


def _flag_entries(da: xr.DataArray) -> Entries:
    meanings, chosen = _meanings(da), _flag_colours(da)
    present = set(np.unique(da.values[np.isfinite(da.values.astype(float))]).astype(int))
    return [
        (colour, meanings[code].replace("_", " "))
        for code, colour in chosen.items()
        if code in present and meanings[code] != "no_data"
    ]


def _scale(low: float, high: float) -> Any:
    """The steps between ``low`` and ``high`` as a mappable of matplotlib."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm

    from smcloud.plot.palette import detectable, trend

    return ScalarMappable(BoundaryNorm(list(np.linspace(low, high, 9)), 8), trend() if low < 0 else detectable())


def _show_key(ax: Axes, entries: Sequence[tuple[str, str]], scale: Any) -> None:
    from matplotlib.patches import Patch

    figure: Any = ax.figure
    if scale is not None:
        extend = "both" if scale.norm.vmin < 0 else "max"
        bar = figure.colorbar(
            scale, ax=ax, orientation="horizontal", extend=extend, shrink=0.7, pad=0.17 if entries else 0.08, aspect=32
        )
        bounds = scale.norm.boundaries[::2]
        bar.set_ticks(bounds, labels=[tick(bound) for bound in bounds])
    if not entries:
        return
    patches = [
        Patch(facecolor=colour, edgecolor=palette.OUTLINE, linewidth=0.5, label=text) for colour, text in entries
    ]
    ax.legend(
        handles=patches, loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=min(len(entries), 4), frameon=False,
        fontsize="small",
    )  # fmt: skip
