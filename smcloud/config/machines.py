"""Where a run computes, and what it may cost."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ByteSize, Field, TypeAdapter, ValidationError, field_validator

from smcloud.config.strict_yaml import Model, invalid_value

MEMORY = TypeAdapter(Annotated[ByteSize, Field(ge=1, le=2**50)])
DAY = 86_400


class Cluster(Model):
    """Where dask runs: ``local`` is this machine, ``gateway`` a Dask Gateway from DASK_GATEWAY__*.

    ``idle_timeout`` seconds without work end a cluster whose client is gone; a worker that is silent for ``lost_after``
    seconds is started again, and its work given to others. ``forward`` names the variables of this process'
    environment that the cluster gets, a ``*`` at the end for any that begin so: the endpoints and credentials of
    sources and store. Where the gateway is not on this machine, names and values of secrets are refused: it keeps what
    it is given in the plain. A graph of more than ``graph_tasks`` tasks, before those of a block are put
    together, is computed tile by tile.
    """

    kind: Literal["local", "gateway"] = "local"
    workers: Annotated[int, Field(ge=1, le=100_000)] | None = None
    worker_cores: Annotated[int, Field(ge=1, le=1024)] = 1
    worker_memory: str | None = None
    image: str | None = None
    adaptive: bool = False
    wait_seconds: Annotated[int, Field(ge=1, le=DAY)] = 300
    idle_timeout: Annotated[int, Field(ge=60, le=DAY)] = 600
    lost_after: Annotated[int, Field(ge=10, le=DAY)] = 120
    graph_tasks: Annotated[int, Field(ge=1)] = 200_000
    forward: tuple[str, ...] = ("STORAGE_EMULATOR_HOST", "GCSFS_*", "AWS_*", "SMCLOUD_*")

    @field_validator("worker_memory")
    @classmethod
    def _is_memory(cls, value: str | None) -> str | None:
        try:
            return value if value is None else str(MEMORY.validate_python(value) and value)
        except (ValidationError, OverflowError) as err:
            raise invalid_value("an amount of memory, for example 8 GiB", value) from err

    @property
    def worker_bytes(self) -> int | None:
        """``worker_memory`` in bytes."""
        return None if self.worker_memory is None else int(MEMORY.validate_python(self.worker_memory))


class Budget(Model):
    """Limits of a run's planned cost, read and written ``bytes`` together; a run that would take more does not start.

    No limit where a key is absent.
    """

    tasks: Annotated[int, Field(ge=0)] | None = None
    bytes: ByteSize | None = None
    minutes: Annotated[float, Field(ge=0)] | None = None
