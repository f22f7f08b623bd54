"""What commands print as their result: a run, a plan with its bill, or a small record; or the same as JSON."""

from __future__ import annotations

import json
from typing import Any

from smcloud.cli.console import say
from smcloud.plan import size


def print_run(result: dict[str, Any], as_json: bool) -> None:
    """Print what a run did and where its results are, and its scorecard on the sample world."""
    if as_json:
        print(json.dumps(result, indent=1))
        return
    say(f"{result['status']}: release {result['release']} (run {result['run_id']}, cube {result['cube_id']})")
    for name, url in result["products"].items():
        say(f"  {name:<9} {url}")
    say(f"  {'report':<9} {result['report']}")
    if result.get("scorecard"):
        from smcloud.report import markdown, scorecard_table

        print("\nscorecard against the known truth")
        for line in markdown(scorecard_table(result["scorecard"])).split("\n"):
            say(line)
    print()
    say("seconds: " + ", ".join(f"{stage} {spent:.1f}" for stage, spent in result["seconds"].items()))


def print_plan(record: dict[str, Any], as_json: bool) -> None:
    """Print the stages of a plan, one per line, and their total."""
    if as_json:
        print(json.dumps(record, indent=1, allow_nan=False))
        return
    columns = {
        "chunks": "chunks", "tasks": "tasks", "graphs": "graphs", "bytes_read": "read", "bytes_written": "written",
        "get_requests": "GETs", "put_requests": "PUTs", "worker_memory": "worker", "client_memory": "client",
        "seconds": "time",
    }  # fmt: skip
    say(f"{record['plan']}{': ' if record['note'] else ''}{record['note']}")
    say(f"{'':<8}" + "".join(f"{title:>12}" for title in columns.values()))
    for name, amounts in (record["stages"] | {"total": record["total"]}).items():
        say(f"{name:<8}" + "".join(f"{_amount(key, amounts[key]):>12}" for key in columns))
    say(f"on {record['workers']} x {record['worker_cores']} cores; bytes as decoded, memory is the peak of a process")
    if record["cold_seconds"]:
        say(f"start compiles kernels for {record['cold_seconds']} s, once on this machine")
    for line in _money(record["money"]):
        say(line)


def _money(bill: dict[str, Any]) -> list[str]:
    """The lines of a bill: amounts, where its prices are from, and what is not in it."""
    lines = []
    if "once" in bill:
        parts = [f"{name} {_currency(amount)}" for name, amount in bill["once"].items()]
        lines.append(f"money: about {_currency(bill['once_total'])} {bill['currency']} once ({', '.join(parts)})")
        for name, amount in bill["each_month"].items():
            lines.append(f"money: about {_currency(amount)} {bill['currency']} a month ({name})")
        prices = bill["prices"].values()
        levels = {level: sum(price["level"] == level for price in prices) for level in ("assumed", "read", "own")}
        said = ", ".join(f"{count} {level}" for level, count in levels.items() if count)
        days = sorted({price["as_of"] for price in prices})
        lines.append(f"money: prices of {bill['place'] or 'sources'} ({said}), written down {' and '.join(days)}")
    return lines + [f"money: {note}" for note in bill["notes"]]


def _currency(amount: float) -> str:
    return "below 0.01" if 0 < amount < 0.01 else f"{amount:,.2f}"


def _amount(key: str, value: int) -> str:
    if key.startswith("bytes") or key.endswith("memory"):
        return size(value)
    if key == "seconds":
        return f"{value} s" if value < 100 else f"{value / 60:,.1f} min"
    return f"{value:,}"


def print_record(result: dict[str, Any], as_json: bool) -> None:
    """Print a small record, one line for each key."""
    if as_json:
        print(json.dumps(result, indent=1))
        return
    width = max(map(len, result))
    for key, value in result.items():
        if isinstance(value, dict):
            say(key)
            for name, part in value.items():
                say(f"  {name:<{width}} {part}")
        else:
            say(f"{key:<{width}} {', '.join(value) if isinstance(value, list) else value}")
