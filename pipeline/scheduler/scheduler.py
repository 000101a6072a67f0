"""Runs the beats: only here is the scheduler known.

Whoever holds the lease runs them. `Standby` waits for the lease in a thread of its own, so a dashboard and any number
of `watch` may run at once, and another takes over within seconds when the holder ends.
"""

import logging
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event, Lock, Thread
from typing import Self

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from pipeline.collect.inbox import watch
from pipeline.config.settings import Settings
from pipeline.scheduler.jobs import HEARTBEAT, Beat, Stopping, beats, read_inbox, record, record_at_work
from pipeline.store.lake import Store, open_store
from pipeline.store.leader import Lease

logger = logging.getLogger(__name__)

FIRST_S = 15
"Seconds until the first maintenance and the first published file: what is in the inbox comes first."
RETRY_S = 3.0
"Seconds between two tries for a lease that another process holds."


class Beats:
    """The running beats; `start` makes them."""

    def __init__(self, settings: Settings, lease: Lease, store: Store) -> None:
        self._lease = lease
        self._store = store
        self._stop = Event()
        self._said: dict[str, tuple[datetime, str, str]] = {}
        self._at_work: dict[str, datetime] = {}
        self._turns: dict[str, Lock] = defaultdict(Lock)
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._beats = beats(settings)
        for beat in self._beats:
            trigger = IntervalTrigger(seconds=beat.every, jitter=min(1, beat.every // 5), timezone=UTC)
            first = datetime.now(UTC) + timedelta(seconds=0 if beat.name == "ingest" else min(beat.every, FIRST_S))
            self._scheduler.add_job(self.run, trigger, args=[beat], id=beat.name, next_run_time=first)
            if beat.work is read_inbox:
                self._watcher = Thread(
                    target=watch, args=[settings.inbox, self._stop, partial(self.run, beat)], name="inbox", daemon=True
                )
        self._scheduler.add_job(self.tell, IntervalTrigger(seconds=int(HEARTBEAT.total_seconds()), timezone=UTC))

    @classmethod
    def start(cls, settings: Settings, role: str = "watch") -> Self | None:
        """Starts the beats over a store of their own, or gives None when another process runs them."""
        lease = Lease.take(settings, role)
        if lease is None:
            return None
        try:
            running = cls(settings, lease, open_store(settings))
        except BaseException:
            lease.release()
            raise
        # It would say at every turn that a long beat is still at work.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        running._scheduler.start()
        running._watcher.start()
        return running

    def stop(self) -> None:
        """Ends the beats: waits for what is at work to commit, then gives the lease up."""
        self._stop.set()
        self._scheduler.shutdown(wait=True)
        self._watcher.join()
        for beat in self._beats:
            beat.end()
        self._store.close()
        self._lease.release()

    def run(self, beat: Beat) -> None:
        """Runs one beat; when it raises, that is logged and recorded, and all beats go on at their next turn."""
        with self._turns[beat.name]:
            began_at = self._at_work[beat.name] = datetime.now(UTC)
            try:
                detail, outcome = beat.work(self._store, self._stop), "ok"
            except Stopping:
                return
            except Exception as error:
                logger.exception("The beat %s failed", beat.name)
                detail, outcome = str(error) or type(error).__name__, "failed"
            finally:
                del self._at_work[beat.name]
            try:
                self.say(beat, began_at, outcome, detail)
            except Exception:
                logger.exception("The run of the beat %s could not be recorded", beat.name)

    def tell(self) -> None:
        """Records which beats have been at work for longer than a heartbeat: they are not late."""
        for name, began_at in list(self._at_work.items()):
            if datetime.now(UTC) - began_at >= HEARTBEAT:
                try:
                    self._said.pop(name, None)
                    record_at_work(self._store, name, began_at)
                except Exception:
                    logger.exception("That the beat %s is at work could not be recorded", name)

    def say(self, beat: Beat, began_at: datetime, outcome: str, detail: str) -> None:
        """Records a run with news, and any other once a minute: idle stores do not grow."""
        when, how, what = self._said.get(beat.name, (datetime.min.replace(tzinfo=UTC), "", ""))
        repeated = how == outcome and (not detail or what == detail)
        if repeated and began_at - when < HEARTBEAT:
            return
        record(self._store, beat.name, began_at, outcome, detail or "nothing new")
        self._said[beat.name] = (began_at, outcome, detail)
        logger.info("%s: %s", beat.name, detail or "nothing new")


class Standby:
    """Runs the beats from the moment nobody else does until `stop`; the waiting happens in a thread of its own."""

    def __init__(self, settings: Settings, role: str, retry_s: float = RETRY_S) -> None:
        self._settings = settings
        self._role = role
        self._retry_s = retry_s
        self._stop = Event()
        self._thread = Thread(target=self._wait, name="beats", daemon=True)
        self.beats: Beats | None = None
        "The beats, while this process runs them."

    def start(self) -> Self:
        """Starts to wait, and gives itself."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends the waiting, or the beats."""
        self._stop.set()
        self._thread.join()

    def _wait(self) -> None:
        while not self._stop.is_set() and self.beats is None:
            try:
                self.beats = Beats.start(self._settings, self._role)
            except Exception:
                logger.exception("The beats could not start; the next try is in %s seconds", self._retry_s)
            self._stop.wait(0 if self.beats else self._retry_s)
        self._stop.wait()
        if self.beats is not None:
            self.beats.stop()
            self.beats = None
