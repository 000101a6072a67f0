"""Loads Microsoft Entra provisioning logs, answers questions about them and checks alert rules.

Exit codes: 0: done. 1: done, with rejects or problems that need attention. 2: failed; stderr gives the reason.
"""

import logging
import os
import sys
from collections.abc import Sequence

import typer

from pipeline.commands import (
    ask,
    backtest,
    backup,
    check,
    evidence,
    forget,
    ingest,
    lint,
    maintain,
    notify,
    poll,
    preflight,
    publish,
    repair,
    restore,
    sample,
    scrub,
    sql,
    status,
    token,
    verify,
    watch,
)
from pipeline.commands.terminal import INTERRUPTED, NOT_DONE, close_stores
from pipeline.config.credentials import Formatter, without_credentials
from pipeline.config.errors import ProvisioningError
from pipeline.ingest.characters import fit_name
from pipeline.store.connections import is_interrupted

logger = logging.getLogger("pipeline")
NAMES_OF_FILES = ("ingest", "forget", "sample")
"Commands whose arguments may be any bytes, as names of files are."


def command_line() -> typer.Typer:
    """Builds the command-line app; each command imports what it needs when it runs."""
    app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
    for command in (
        ingest.ingest,
        sql.sql,
        status.status,
        preflight.preflight,
        publish.publish,
        maintain.maintain,
        watch.watch,
        sample.sample,
        poll.poll,
        check.check,
        backtest.backtest,
        lint.lint,
        notify.notify,
        evidence.evidence,
        verify.verify,
        repair.repair,
        forget.forget,
        backup.backup,
        restore.restore,
        scrub.scrub,
    ):
        app.command()(command)
    app.command(context_settings={"ignore_unknown_options": True})(ask.ask)
    app.command(context_settings={"allow_extra_args": True})(token.token)
    return app


def run(words: Sequence[str]) -> int:
    """Runs a command and returns its exit code; what went wrong has been printed to stderr."""
    if broken := [word for word in words if fit_name(word) != word and words[0] not in NAMES_OF_FILES]:
        print(f"{fit_name(broken[0])} is not UTF-8, as an argument must be.", file=sys.stderr)
        return NOT_DONE
    try:
        command_line()(list(words), prog_name="python -m pipeline")
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
    """Runs the command line."""
    open_closed_streams()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler])
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
