"""Checks that a plan keeps to the budget and to the available memory."""

from __future__ import annotations

from smcloud.config import Budget
from smcloud.errors import BudgetError
from smcloud.plan import Plan, size


def require_within(plan: Plan, budget: Budget, worker_memory: int | None, client_memory: int | None = None) -> None:
    """Raise :class:`BudgetError` where ``plan`` exceeds ``budget``, or memory of a worker or here (None: unknown)."""
    for stage in plan.stages:
        if client_memory is not None and stage.client_memory > client_memory:
            raise BudgetError(
                f"the stage {stage.name} needs more memory than this process may take",
                where="the process that runs smcloud",
                found=size(stage.client_memory),
                expected=f"at most {size(client_memory)}",
                next="run it where there is more (the memory of a flow is a job variable of its work pool)",
            )
        if worker_memory is not None and stage.worker_memory > worker_memory:
            raise BudgetError(
                f"the stage {stage.name} needs more memory than a worker has",
                where="cluster.worker_memory",
                found=f"{size(stage.worker_memory)} for {plan.machine.cores} cores at a time",
                expected=f"at most {size(worker_memory)}",
                next="raise cluster.worker_memory, or cluster.workers with fewer cluster.worker_cores each",
            )
    amounts = (
        ("tasks", plan.total("tasks"), budget.tasks, str, "coarsen grid.resolution or shorten period"),
        ("bytes", plan.total("bytes_read") + plan.total("bytes_written"), budget.bytes, size,
         "coarsen grid.resolution, shorten period or leave out drivers"),
        ("minutes", plan.minutes, budget.minutes, str, "raise cluster.workers"),
    )  # fmt: skip
    for name, needed, limit, written, knob in amounts:
        if limit is not None and needed > limit:
            raise BudgetError(
                "the plan exceeds the budget",
                where=f"budget.{name}",
                found=written(needed),
                expected=f"at most {written(limit)}",
                next=f"{knob}, or raise budget.{name}; smcloud plan CONFIG shows the stages",
            )
