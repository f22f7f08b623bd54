"""The ERA5-like nodes of a world: on the corners of its cells, so that neither grid is a copy of the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smcloud.sample.fields import Array, Codes
from smcloud.sample.world import Geography


@dataclass(frozen=True)
class Nodes:
    """The nodes around the land cells, and the way from cells to nodes and back."""

    geo: Geography

    @cached_property
    def nodes(self) -> tuple[Array, Array]:
        """ERA5-like nodes: on the cells' corners, poles included; latitude descending, longitude 0..360."""
        res = self.geo.resolution
        return np.linspace(90, -90, round(180 / res) + 1), np.arange(round(360 / res), dtype=np.float64) * res

    @cached_property
    def corners(self) -> tuple[Codes, Array]:
        """Flat node indices (cell, 4) around each land cell and their weights by overlap: sin lat times lon."""
        rows, columns = np.nonzero(self.geo.land)
        width = self.geo.land.shape[1]
        west = (columns + width // 2) % width  # longitude -180 is 180 in 0..360
        east = (west + 1) % width
        index = np.stack([rows * width + west, rows * width + east, (rows + 1) * width + west,
                          (rows + 1) * width + east], axis=-1)  # fmt: skip
        lat, half = np.deg2rad(self.geo.lat), np.deg2rad(self.geo.resolution / 2)
        north, south = np.sin(lat + half) - np.sin(lat), np.sin(lat) - np.sin(lat - half)
        weight = np.stack([north, north, south, south], axis=-1)
        return index, weight / weight.sum(axis=-1, keepdims=True)

    def to_cells(self, values: Array) -> Array:
        """Area-weighted mean of the four nodes around each land cell; ``values`` is (node, ...)."""
        index, weight = self.corners
        return np.asarray(np.einsum("ck,ck...->c...", weight, values[index]))

    def to_nodes(self, values: Array, where: Array, elsewhere: float) -> Array:
        """Mean of ``values`` over the land cells around each node that ``where`` selects."""
        index, _ = self.corners
        shape = self.nodes[0].size * self.nodes[1].size
        pick = np.broadcast_to(where[:, None].astype(float), index.shape)
        total = np.bincount(index.ravel(), (pick * values[:, None]).ravel(), shape)
        count = np.bincount(index.ravel(), pick.ravel(), shape)
        return np.where(count > 0, total / np.maximum(count, 1), elsewhere)

    @cached_property
    def node_points(self) -> tuple[Array, Array]:
        """Latitude and longitude of the flat nodes."""
        lon2, lat2 = np.meshgrid(self.nodes[1], self.nodes[0])
        return lat2.ravel(), lon2.ravel()

    @cached_property
    def node_sign(self) -> Array:
        """+1 and -1 by turns, from node to node."""
        row, column = np.indices((self.nodes[0].size, self.nodes[1].size))
        return np.asarray(1.0 - 2.0 * ((row + column) % 2)).ravel()
