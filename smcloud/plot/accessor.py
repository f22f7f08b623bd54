"""``ds.smcloud``: what a cube or product says of itself, the main variables first."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from smcloud.plot.main_variables import MAIN, main_of
from smcloud.secrecy import told

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

LEFT = "text-align:left;white-space:nowrap"
FOREIGN = "smcloud did not make this Dataset"
UNKNOWN = "not known: opened without smcloud"


class Results:
    """What a Dataset that smcloud made says of itself; ``print(ds.smcloud)``, or ``ds.smcloud`` in a notebook."""

    def __init__(self, ds: xr.Dataset) -> None:
        self._ds = ds

    @property
    def product(self) -> str:
        """``cube`` or the name of the product; empty for a Dataset of others."""
        return _product_of(self._ds)

    @property
    def main(self) -> list[str]:
        """The variables to look at first."""
        return main_of(self.product, self._ds.data_vars)

    @property
    def preset(self) -> str:
        """The preset; empty for a cube, which has none."""
        return self._told("preset", "")

    @property
    def changes(self) -> list[str]:
        """The keys of the configuration that are not the preset's."""
        _, _, keys = self._told("choices", "").partition("changed: ")
        return keys.split(", ") if keys else []

    @property
    def release(self) -> str:
        """The release that it was opened from."""
        return self._told("product_version", UNKNOWN)

    @property
    def citation(self) -> str:
        """How to cite it."""
        return self._told("citation", UNKNOWN)

    def map(self, name: str | None = None, ax: Axes | None = None, **more: Any) -> Axes:
        """Draw a map of the variable ``name``, by default the first: see :func:`smcloud.plot.map`."""
        from smcloud.plot.maps import map as draw

        return draw(self._ds, name or next(iter(self.main), ""), ax, **more)

    def _told(self, name: str, otherwise: str) -> str:
        return told(self._ds.attrs[name], 1000) if name in self._ds.attrs else otherwise

    def _facts(self) -> dict[str, str]:
        facts = {"preset": self.preset, "changed": ", ".join(self.changes) or "nothing"} if self.preset else {}
        facts |= {"release": self.release, "cite as": self.citation, "licence": self._told("license", "")}
        return {key: text for key, text in facts.items() if text}

    def _rows(self) -> list[tuple[str, str, str, str]]:
        rows = []
        for name in self.main:
            da = self._ds[name]
            about = (told(da.attrs.get(key, ""), 200) for key in ("units", "long_name"))
            rows.append((name, ", ".join(map(str, da.dims)), *about))
        return rows  # type: ignore[return-value]

    @property
    def _others(self) -> int:
        return len(self._ds.data_vars) - len(self.main)

    def __repr__(self) -> str:
        rows = self._rows()
        if not rows:
            return FOREIGN
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [f"{self.product}: {self._told('title', self.product)}"]
        lines += [f"  {key:<8} {text}" for key, text in self._facts().items()]
        for row in rows:
            lines.append("  " + "  ".join(f"{part:<{width}}" for part, width in zip(row, widths, strict=False)))
            lines[-1] += f"  {row[3]}"
        return "\n".join([*lines, f"  and {self._others} more variables"])

    def _repr_html_(self) -> str:
        if not self.main:
            return f"<div>{FOREIGN}</div>"
        facts = "".join(
            f"<tr><th style='text-align:left'>{escape(key)}</th><td style='text-align:left'>{escape(text)}</td></tr>"
            for key, text in self._facts().items()
        )
        rows = "".join(
            "<tr>" + "".join(f"<td style='{LEFT}'>{escape(part)}</td>" for part in row) + "</tr>"
            for row in self._rows()
        )
        heads = "".join(
            f"<th style='text-align:left'>{head}</th>" for head in ("main variable", "dims", "unit", "what it is")
        )
        title = escape(self._told("title", self.product))
        return (
            f"<div><strong>{escape(self.product)}</strong>: {title}<table>{facts}</table>"
            f"<table><tr>{heads}</tr>{rows}</table>"
            f"<details><summary>and {self._others} more variables</summary>{self._ds._repr_html_()}</details></div>"
        )


def _product_of(ds: xr.Dataset) -> str:
    """The product that ``ds`` says it is, else the one whose first main variables it holds; empty for another's."""
    named = str(ds.attrs.get("id", "")).partition(".")[0]
    if named in MAIN:
        return named
    if "time" in ds.dims and "soil_moisture" in ds:
        return "cube"
    likely = {
        "trend": ("slope", "status"), "drivers": ("dominant_driver",), "ddww": ("ddww_class",),
        "annual": ("soil_moisture", "n_months"), "regional": ("slope", "mean_of_slopes"),
    }  # fmt: skip
    found = next((name for name, needed in likely.items() if all(key in ds for key in needed)), "")
    return "strata" if found == "regional" and "stratum" in ds.dims else found
