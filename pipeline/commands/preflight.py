"""The command `preflight`: shows which permission each feature has."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipeline.commands import terminal
from pipeline.config.settings import read_settings

if TYPE_CHECKING:
    from pipeline.collect.graph.permission_checks import Permission


def preflight(as_json: terminal.Json = False) -> None:
    """Show for every tenant, feature by feature, which permission is present or missing; nothing is written there."""
    from pipeline.collect.permissions import check_tenants

    permissions = check_tenants(read_settings())
    if as_json:
        terminal.print_json(permissions_document(permissions))
    else:
        print_permissions(permissions, terminal.page())
    raise typer.Exit(verdict(permissions))


def verdict(permissions: "Sequence[Permission]") -> int:
    """Returns the exit code: 0 all present, 1 something missing, 2 when no tenant answered at all."""
    needed = [one.state for one in permissions if one.state != "excess"]
    if needed and set(needed) == {"unknown"}:
        return 2
    return 0 if set(needed) <= {"present"} else 1


def permissions_document(permissions: "Sequence[Permission]") -> dict[str, Any]:
    """Builds what `preflight --json` prints."""
    return {"complete": verdict(permissions) == 0, "permissions": [asdict(one) for one in permissions]}


def print_permissions(permissions: "Sequence[Permission]", page: Console) -> None:
    """Prints the permissions, tenant by tenant; a reason that all its features share is printed once."""
    for tenant in dict.fromkeys(one.tenant for one in permissions):
        features = [one for one in permissions if one.tenant == tenant]
        page.print(tenant, style="bold")
        reasons = {one.detail for one in features}
        if len(reasons) == 1 and features[0].state == "unknown":
            page.print(f"  {reasons.pop()}", highlight=False)
            continue
        for one in features:
            style = {"present": "green", "missing": "red"}.get(one.state, "yellow")
            page.print(Text.assemble("  ", (f"{one.state:8}", style), f" {one.feature:24} {one.scope}"))
            if one.state != "present":
                notes = (one.detail, one.lost and f"Lost: {one.lost}", one.remedy)
                page.print(Padding("\n".join(line for line in notes if line), (0, 0, 0, 11)), highlight=False)
