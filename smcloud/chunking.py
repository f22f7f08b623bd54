"""How arrays are cut, once for everything that must agree on it."""

CHUNK = 180  # cells along latitude and longitude: a stored chunk, a block of work, a fixed block of a sum
TIME_CHUNK = 12  # months: a stored chunk, and what is built and refreshed together
# In which blocks a store is opened: the whole record of some cells.
TILES = {"time": -1, "year": -1, "lat": CHUNK, "lon": CHUNK}
