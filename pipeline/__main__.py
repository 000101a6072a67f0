"""Loads Microsoft Entra provisioning logs, answers questions about them and checks alert rules.

Exit codes: 0: done. 1: done, with rejects or problems that need attention. 2: failed; stderr gives the reason.
"""

import logging
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
from pipeline.commands.terminal import NOT_DONE, close_stores
from pipeline.config.credentials import Formatter, without_credentials
from pipeline.config.errors import ProvisioningError

logger = logging.getLogger("pipeline")


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
    try:
        command_line()(list(words), prog_name="python -m pipeline")
        return 0
    except SystemExit as exit:
        return int(exit.code or 0)
    except ProvisioningError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(without_credentials(f"{error.filename or 'The disk'}: {error.strerror or error}."), file=sys.stderr)
    except Exception:
        logger.exception("This should not happen; please report it with the lines below")
    finally:
        close_stores()
    return NOT_DONE


def main() -> None:
    """Runs the command line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler])
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
