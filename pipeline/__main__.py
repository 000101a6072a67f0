"""Loads Microsoft Entra provisioning logs, answers questions about them and checks alert rules.

Exit codes: 0: done. 1: done, with rejects or problems that need attention. 2: failed; stderr gives the reason.
"""

import logging
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import typer

from pipeline.commands.terminal import INTERRUPTED, NOT_DONE, close_stores
from pipeline.config.credentials import Formatter, without_credentials
from pipeline.config.errors import ProvisioningError
from pipeline.ingest.characters import fit_name
from pipeline.store.connections import is_interrupted
from pipeline.store.ducklake_workarounds import leave_out_pandas

logger = logging.getLogger("pipeline")
COMMANDS: dict[str, dict[str, Any]] = {
    "ingest": {},
    "sql": {},
    "status": {},
    "preflight": {},
    "publish": {},
    "maintain": {},
    "watch": {},
    "sample": {},
    "poll": {},
    "check": {},
    "backtest": {},
    "lint": {},
    "notify": {},
    "evidence": {},
    "verify": {},
    "repair": {},
    "forget": {},
    "backup": {},
    "restore": {},
    "scrub": {},
    "ask": {"ignore_unknown_options": True},
    "token": {"allow_extra_args": True},
}
"The commands, each a function of the module of that name in pipeline/commands, and click's settings for it."
NAMES_OF_FILES = ("ingest", "forget", "sample")
"Commands whose arguments may be any bytes, as names of files are."


def command_line(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """Builds the command-line app of some commands; importing them all takes longer than most take to run."""
    app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
    # With this it stays a program of commands where there is only one.
    app.callback()(lambda: None)
    for name in names:
        command = getattr(import_module(f"pipeline.commands.{name}"), name)
        app.command(context_settings=COMMANDS[name])(command)
    return app


def run(words: Sequence[str]) -> int:
    """Runs a command and returns its exit code; what went wrong has been printed to stderr."""
    if broken := [word for word in words if fit_name(word) != word and words[0] not in NAMES_OF_FILES]:
        print(f"{fit_name(broken[0])} is not UTF-8, as an argument must be.", file=sys.stderr)
        return NOT_DONE
    try:
        named = words[:1] if words and words[0] in COMMANDS else COMMANDS
        command_line(named)(list(words), prog_name="python -m pipeline")
        return 0
    except SystemExit as exit:
        return int(exit.code or 0)
    except ProvisioningError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(without_credentials(f"{error.filename or 'The disk'}: {error.strerror or error}."), file=sys.stderr)
    except Exception as error:
        if is_interrupted(error):
            return INTERRUPTED
        logger.exception("This should not happen; please report it with the lines below")
    finally:
        close_stores()
    return NOT_DONE


def open_closed_streams() -> None:
    """Makes up for streams that the caller closed, and writes UTF-8 to files and programs: JSON is nothing else."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
        elif mode == "r" or stream.isatty():
            stream.reconfigure(errors="replace")
        else:
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def main() -> None:
    """Runs the command line, in a process of its own."""
    leave_out_pandas()
    open_closed_streams()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler])
    code = run(sys.argv[1:])
    if code == INTERRUPTED:
        # DuckDB 1.5's threads may still read what they were given: an orderly end waited for them for ever, or aborted.
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
