"""The command `watch`: runs the background jobs until stopped."""

import logging
import signal
from threading import Event

from pipeline.commands import terminal
from pipeline.config.settings import read_settings

logger = logging.getLogger("pipeline")


def watch() -> None:
    """Run the background jobs until stopped: read the inbox, maintain the store, publish."""
    from pipeline.scheduler.scheduler import Standby
    from pipeline.store.leader import current_leader

    logging.getLogger("pipeline").setLevel(logging.INFO)
    settings = read_settings()
    terminal.open_to_write(settings).close()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    other = current_leader(settings)
    if other is not None:
        logger.info("The background jobs are run by %s; this process takes over when that ends.", other)
    standby = Standby(settings, "watch").start()
    # A wait without a limit would keep Python from handling the signal on some systems.
    while not stop.wait(1):
        pass
    standby.stop()
