"""The command `sample`: writes a realistic tenant's logs."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import terminal
from pipeline.config.errors import InvalidRequest


def sample(
    folder: Annotated[Path, typer.Argument(help="Where the logs go.", metavar="DIR")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
    users: Annotated[int, typer.Option(help="People in the tenant.")] = 800,
    groups: Annotated[int, typer.Option(help="Groups in the tenant.")] = 40,
    days: Annotated[int, typer.Option(help="Days of logs.")] = 21,
    skew: Annotated[float, typer.Option(help="Seconds by which the app's own clock is ahead.")] = 0,
) -> None:
    """Write a realistic tenant's logs, with planted incidents and an answer key."""
    from pipeline.sample import write_tenant

    try:
        with terminal.share_bar("Writing") as progress:
            key = write_tenant(folder, seed=seed, users=users, groups=groups, days=days, skew=skew, progress=progress)
    except ValueError as error:
        raise InvalidRequest(str(error)) from error
    print(f"{folder}: the logs of {users} users over {days} days; what is planted in them stands in {key}")
