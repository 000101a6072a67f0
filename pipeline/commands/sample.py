"""The command `sample`: writes a realistic tenant's logs, and loads them where nothing else is."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import terminal
from pipeline.commands.arguments import read_instant
from pipeline.commands.ingest import print_ingest, read
from pipeline.config.clock import wall_clock
from pipeline.config.errors import InvalidRequest
from pipeline.config.settings import Settings, read_settings
from pipeline.config.wording import dated
from pipeline.store.lake import Store
from pipeline.store.present import last_contact, newest_instant

OLD = timedelta(hours=1)
"Data that ends longer ago than this is not of the present."


def sample(
    folder: Annotated[Path, typer.Argument(help="The folder to write the logs to.", metavar="DIR")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
    users: Annotated[int, typer.Option(help="Users in the tenant.")] = 800,
    groups: Annotated[int, typer.Option(help="Groups in the tenant.")] = 40,
    days: Annotated[int, typer.Option(help="Days of logs.")] = 21,
    skew: Annotated[float, typer.Option(help="Seconds by which the app's own clock is ahead.")] = 0,
    until: Annotated[
        str | None,
        typer.Option(
            help="When the logs end: ISO 8601 or now. One app's cycle is running then, and another's has just ended. "
            "Without it the logs end with 25 January 2026, and no cycle is running.",
            metavar="INSTANT",
        ),
    ] = None,
    load: Annotated[
        bool, typer.Option("--load", help="Load the logs into the store if it is empty; else write nothing.")
    ] = False,
) -> None:
    """Write a realistic tenant's logs, with planted incidents and an answer key."""
    from pipeline.sample import write_tenant

    settings = read_settings()
    end = read_end(until, settings)
    store = terminal.open_to_write(settings) if load else None
    if store is not None and (reason := reason_against(store, folder)):
        print(f"The sample tenant is not loaded: {reason}.")
        return
    if store is None or newest_instant(store) is None:
        try:
            with terminal.share_bar("Writing") as progress:
                key = write_tenant(
                    folder, seed=seed, users=users, groups=groups, days=days, skew=skew, move_to=end, progress=progress
                )
        except ValueError as error:
            raise InvalidRequest(str(error)) from error
        print(f"{folder}: the logs of {users} users over {days} days; what is planted in them is listed in {key}")
    if store is not None:
        load_sample(store, folder)


def read_end(until: str | None, settings: Settings) -> datetime | None:
    """Reads when the logs end; an instant to come is refused, since logs are of the past."""
    present = wall_clock(settings)
    end = present if until == "now" else read_instant(until) if until else None
    if end is not None and end > present:
        raise InvalidRequest(f"--until is {until}, which is to come; give an instant of the past, or now.")
    return end


def reason_against(store: Store, folder: Path) -> str | None:
    """Returns why the sample must not be loaded: real data is in the store already, or would come into it by itself."""
    home = folder.resolve()
    others = [file for (file,) in store.rows("select file from files") if not Path(file).is_relative_to(home)]
    newest, settings = newest_instant(store), store.settings
    anew = "set PROVISIONING_STORE to a new store to see it"
    if others or last_contact(store) is not None:
        ends = "" if newest is None else f", until {dated(newest)}"
        return f"the store holds other data{ends}; {anew}"
    if settings.tenants is not None:
        return f"PROVISIONING_TENANTS is set, so real data is collected into this store; {anew}"
    if newest is None and settings.inbox.is_dir() and any(settings.inbox.iterdir()):
        return f"files wait in {settings.inbox}, which the background jobs read into this store; {anew}"
    if newest is None and folder.is_dir() and any(folder.iterdir()) and not (folder / "answers.json").is_file():
        return f"{folder} holds other files; name a folder that is empty or not there yet"
    return None


def load_sample(store: Store, folder: Path) -> None:
    """Loads a sample's logs, or what is not loaded of them yet, and prints until when they are."""
    report = read(store, [str(folder)]) if folder.is_dir() else None
    if report is not None and any(file.kept for file in report.files):
        print_ingest(terminal.page(), report.files, report.seconds, everything=False)
    newest = newest_instant(store)
    print(f"The store holds the sample tenant until {dated(newest)}; nothing newer comes by itself.")
    if newest is not None and wall_clock(store.settings) - newest > OLD:
        print("To see it until now, remove the store (the folder data, if no setting moved it) and run this again.")
