"""What a Zarr store of others is allowed to do: where it may lead, how much it may decode to, what it may leave out."""
