"""What each key of a configuration says, for editors and for the reference; a test misses none."""

from __future__ import annotations

from collections.abc import Mapping

# By class and key: what the key means or does, and the unit of its value where it has one.
TEXTS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "RunConfig": {
        "preset": ("Named set of choices that all other keys are laid over.", ""),
        "period": ("Months of the study.", ""),
        "catalog": ("Catalog file that the inputs are entries of; a path counts from where the command runs.", ""),
        "inputs": (
            "For each role the catalog entry that gives it: entry, or entry:variable. Only soil_moisture is "
            "required; without another role, what needs it is left out.",
            "",
        ),
        "grid": ("native: the grid of soil moisture. Or a resolution, to which all roles are regridded.", ""),
        "region": ("Part of the world; left out, all that the sources hold.", ""),
        "flags": ("Which quality flags of soil moisture drop a day.", ""),
        "monthly": ("What a month needs to have a value.", ""),
        "annual": ("How months become years.", ""),
        "years": ("How many years a cell needs.", ""),
        "trend": ("Slope, test and interval.", ""),
        "drivers": ("Which drivers, and how they are correlated.", ""),
        "attribution": ("More about the drivers, beside correlations.", ""),
        "zones": ("What is dry and what is wet.", ""),
        "bootstrap": ("Interval and chance of the DDWW shares.", ""),
        "sensitivity": ("Whether all combinations of choices are published too.", ""),
        "alpha": ("Level of significance; intervals cover 1 - alpha.", "1"),
        "levels": ("Levels of the preset's choices; nobody writes this.", ""),
        "changed": ("Keys that differ from the preset; nobody writes this.", ""),
        "publisher": ("Who publishes; it changes no number.", ""),
        "store": ("Where results go: a path, file://, gs:// or s3://.", ""),
        "cluster": ("Where the work is done; it changes no number.", ""),
        "budget": ("Limits of what a run may cost; one that would exceed them does not start.", ""),
    },
    "Period": {
        "start": ("First month, YYYY-MM.", "month"),
        "end": ("Last month, YYYY-MM, or latest-complete-year: then a new year is taken in when it is whole.", "month"),
    },
    "Grid": {
        "resolution": ("Cell size; it must divide 180 into whole cells. Finer sources are averaged by area.", "degree"),
    },
    "Region": {
        "bbox": (
            "West, south, east, north: the cells whose centres lie within; over 180 degrees the east is behind "
            "the west.",
            "degree",
        ),
        "shape": (
            "File on this machine with polygons (GeoJSON, shapefile, zipped or not); each cell counts by the "
            "share of its area.",
            "",
        ),
        "field": ("Property of the file that holds the polygons' names.", ""),
        "names": ("Names of the polygons that count; left out, all.", ""),
        "name": ("What the region is called in titles and texts.", ""),
    },
    "Publisher": {
        "name": ("Person or group that publishes; stands in releases, products, STAC and CITATION.cff.", ""),
        "institution": ("Its institution.", ""),
        "email": ("Where to write to.", ""),
        "url": ("Its page.", ""),
        "licence": ("Licence of the results, as an SPDX word such as CC-BY-4.0.", ""),
    },
    "Flags": {
        "drop_barren": (
            "Whether days flagged as barren ground (bit 64, advisory) are dropped too; deserts then lose most of "
            "their values.",
            "",
        ),
    },
    "Monthly": {
        "min_days": ("Valid days of soil moisture that a month needs; more days leave fewer but better months.", "day"),
        "min_share": ("Share of a month that the mean of another role needs. Amounts per month need all of it.", "1"),
        "error_tau_days": (
            "Time in which the correlation of daily errors falls to 1/e: one of three bounds of the uncertainty "
            "of a monthly mean. Its value is an assumption.",
            "day",
        ),
    },
    "Annual": {
        "method": (
            "monthly_means: the mean of the months of a year. anomalies: months and years fitted together, so "
            "that a missing month does not count by its place in the seasons.",
            "",
        ),
        "min_months": ("Valid months that a year needs, with monthly_means.", "month"),
        "seasons": (
            "Seasons whose means and trends are added; growing is the months above 5 degrees C on average.",
            "",
        ),
        "first_month": (
            "First month of a year; 7 is July to June, which keeps a southern summer in one year. A year is named"
            " by the calendar year in which it ends.",
            "month",
        ),
        "min_climatology_years": (
            "Years that a calendar month needs to have a usual value, for anomalies (of drivers with any method).",
            "year",
        ),
        "fixed_months_share": (
            "Share of the years in which a calendar month must be there to be used, with anomalies.",
            "1",
        ),
        "year_months_share": ("Share of the months in use that a year must have, with anomalies.", "1"),
    },
    "Ends": {
        "span": ("Years that count as an end of the record.", "year"),
        "min_years": ("Valid years that each end needs, so that a trend does not rest on the middle alone.", "year"),
    },
    "Years": {
        "min_years": (
            "Valid years that a cell needs for a trend or a correlation; with fewer it has the status too_short.",
            "year",
        ),
        "ends": ("What the first and the last years need beside it; left out, nothing.", ""),
    },
    "Trend": {
        "estimator": (
            "Slope of the main columns: ols (least squares) or sen (Theil-Sen). The other stands beside it.",
            "",
        ),
        "test": (
            "Test of the main p value. effective allows for the autocorrelation of the cell's own residuals, "
            "effective_pooled for one that neighbours share.",
            "",
        ),
        "interval": (
            "Interval of the slope: t, or wider by the effective sample size; Sen's slope has its own (t).",
            "",
        ),
        "significance": (
            "Which p value must be below alpha: p_value, or p_adjusted for the number of cells (Benjamini-Hochberg).",
            "",
        ),
        "radius_km": ("Radius within which cells share an autocorrelation, of effective_pooled.", "km"),
    },
    "Drivers": {
        "names": ("Roles that may explain soil moisture; left out, those of the preset that have an input.", ""),
        "detrend": (
            "Whether series lose their trends before they are correlated: two series that both rise correlate anyway.",
            "",
        ),
        "dof": (
            "Degrees of freedom of a correlation: of the number of years (n), or of the effective sample size.",
            "",
        ),
        "method": ("Correlation of values (pearson) or of ranks (spearman).", ""),
        "dominant": ("Which p value a driver needs to be called dominant.", ""),
        "monthly": ("Whether partial correlations of deseasonalised months are added.", ""),
        "lags": (
            "Months by which each driver leads soil moisture in the monthly correlations; to be set before the "
            "result is seen.",
            "month",
        ),
        "floors": (
            "Standard deviation below which a driver is left out in a cell, in the unit of its annual values "
            "(rain: mm per month).",
            "of the driver",
        ),
    },
    "Attribution": {
        "lmg": ("Whether shares of R2 over all orders of entry are added.", ""),
        "lags": (
            "Months by which all drivers lead soil moisture, for more correlations of months; below 0 soil "
            "moisture leads.",
            "month",
        ),
    },
    "Zones": {
        "scheme": (
            "What makes land dry or wet: limits of the aridity index, thirds of the land by it or by mean soil "
            "moisture, or the sign of rain less potential evaporation.",
            "",
        ),
        "limits": (
            "Aridity indices between dry and transition, and transition and wet; with scheme aridity alone.",
            "1",
        ),
        "transition_in_share": ("Whether shares of the changed land count the transition zone.", ""),
    },
    "Bootstrap": {
        "replicates": (
            "Draws of tiles of the map for the interval of a DDWW share, and as many fields of chance; 0 leaves "
            "both out.",
            "",
        ),
        "seed": ("Seed of the random numbers: the same seed gives the same result.", ""),
    },
    "Sensitivity": {
        "publish": (
            "Whether a release holds the product sensitivity, every combination of choices. It costs more than "
            "all other products together.",
            "",
        ),
    },
    "Cluster": {
        "kind": ("local: this machine. gateway: a Dask Gateway, whose address is in DASK_GATEWAY__*.", ""),
        "workers": ("Number of workers; left out, one for each core of this machine.", ""),
        "worker_cores": ("Cores of a worker.", ""),
        "worker_memory": ("Memory of a worker, for example 8 GiB; a plan that needs more does not start.", "bytes"),
        "image": ("Image of the gateway's workers; it must hold the same versions as this process.", ""),
        "adaptive": ("Whether a gateway adds workers as they are needed.", ""),
        "wait_seconds": ("How long the first worker may take to come.", "s"),
        "idle_timeout": ("Time without work after which a cluster whose client is gone ends.", "s"),
        "lost_after": ("Silence after which a worker is started again, and its work given to others.", "s"),
        "graph_tasks": ("Tasks above which a computation is divided into tiles.", "task"),
        "forward": (
            "Names of environment variables that a gateway's workers get; * at the end for any that begin so. "
            "Secrets reach a gateway of this machine alone.",
            "",
        ),
    },
    "Budget": {
        "tasks": ("Dask tasks that a run may need; above, it does not start.", "task"),
        "bytes": ("Bytes that a run may read and write together, as decoded.", "bytes"),
        "minutes": ("Minutes that a run may take by its plan.", "min"),
    },
}
