"""Whether two stores publish the same numbers: ``python -m tests.compare_stores STORE OTHER``.

Cube and products of the newest release of each, bit for bit: names, dims, dtypes, coordinates and values. Attributes,
ids and the versions of the code do not count. Says what differs and ends with 1, or how much is equal and ends with 0.
"""

import sys

import numpy as np
import xarray as xr

import smcloud
from smcloud.store import Store, newest_release


def differences(store: str, other: str) -> tuple[list[str], int]:
    """What differs, a line each, and how many arrays were compared."""
    products = [set(newest_release(Store.open(place)).products) for place in (store, other)]
    found = [f"{name}: in one store only" for name in products[0] ^ products[1]]
    opened = {name: [smcloud.open_product(place, name) for place in (store, other)]
              for name in sorted(products[0] & products[1])}  # fmt: skip
    opened["cube"] = [smcloud.open_cube(store), smcloud.open_cube(other)]
    compared = 0
    for name, (one, two) in opened.items():
        found += [f"{name}: {variable}: in one store only" for variable in set(one.variables) ^ set(two.variables)]
        for variable in sorted(set(one.variables) & set(two.variables), key=str):
            compared += 1
            problem = difference(one[variable].variable, two[variable].variable)
            if problem:
                found.append(f"{name}: {variable}: {problem}")
    return found, compared


def difference(one: xr.Variable, two: xr.Variable) -> str:
    """Empty where both are equal to the last bit, else how they differ."""
    for key in ("dims", "shape", "dtype"):
        if getattr(one, key) != getattr(two, key):
            return f"{key} {getattr(one, key)}, {getattr(two, key)}"
    values, others = np.ascontiguousarray(one.values), np.ascontiguousarray(two.values)
    if values.dtype.kind in "OT":
        return "" if values.tolist() == others.tolist() else "other texts"
    raw, other = (array.view(np.uint8).reshape(array.size, -1) for array in (values, others))
    unequal = int((raw != other).any(axis=1).sum())
    return f"{unequal} of {values.size} values differ" if unequal else ""


if __name__ == "__main__":
    lines, count = differences(*sys.argv[1:3])
    print("\n".join(lines) or f"{count} arrays are equal to the last bit")
    sys.exit(bool(lines))
