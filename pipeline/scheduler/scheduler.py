"""Runs the background jobs: only here is the scheduler's library known.

The process that has the leadership runs them. `Standby` waits for it in a thread of its own, so a dashboard and any
number of `watch` may run at once, and another takes over within seconds when the leader ends.
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
from pipeline.config.clock import naive
from pipeline.config.credentials import without_credentials
from pipeline.config.errors import ProvisioningError
from pipeline.config.settings import Settings
from pipeline.scheduler.jobs import (
    HEARTBEAT,
    LONG_RUN,
    BackgroundJob,
    InboxJob,
    JobRun,
    Stopping,
    background_jobs,
    record_running,
    replace_runs,
)
from pipeline.store.lake import Store, open_store
from pipeline.store.leader import take_leadership
from pipeline.store.process_lock import ProcessLock

logger = logging.getLogger(__name__)

FIRST_S = 15
"Seconds until the first maintenance and the first published file: what is in the inbox comes first."
RETRY_S = 3.0
"Seconds between two tries for the leadership that another process has."


def log_failure(what: str, error: Exception) -> None:
    """Logs a failure: one that people can meet by its sentence, any other with its traceback."""
    if isinstance(error, ProvisioningError):
        logger.error("%s: %s", what, error)
    else:
        logger.error(what, exc_info=error)


class Scheduler:
    """The running background jobs; `start` makes it."""

    def __init__(self, settings: Settings, leadership: ProcessLock, store: Store) -> None:
        self._leadership = leadership
        self._store = store
        store.leases.append(leadership)
        self._stop = Event()
        self._recorded: dict[str, JobRun] = {}
        "The run of each job that was recorded last."
        self._unrecorded: dict[str, JobRun] = {}
        "The newest run of each job that had no news."
        self._long_runs: dict[str, datetime] = {}
        "When the run of a job began that was recorded as running."
        self._running: dict[str, datetime] = {}
        self._turns: dict[str, Lock] = defaultdict(Lock)
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._jobs = background_jobs(settings)
        for job in self._jobs:
            trigger = IntervalTrigger(seconds=job.every, jitter=min(1, job.every // 5), timezone=UTC)
            first = datetime.now(UTC) + timedelta(seconds=0 if job.name == "ingest" else min(job.every, FIRST_S))
            self._scheduler.add_job(self.run, trigger, args=[job], id=job.name, next_run_time=first)
            if isinstance(job.work, InboxJob):
                see = partial(self.read_changed_inbox, job, job.work)
                self._watcher = Thread(target=watch, args=[settings.inbox, self._stop, see], name="inbox", daemon=True)
        self._scheduler.add_job(
            self.record_long_runs, IntervalTrigger(seconds=int(LONG_RUN.total_seconds()), timezone=UTC)
        )

    @classmethod
    def start(cls, settings: Settings, role: str = "watch") -> Self | None:
        """Starts the jobs over a store of their own; None when another process runs them."""
        leadership = take_leadership(settings, role)
        if leadership is None:
            return None
        try:
            running = cls(settings, leadership, open_store(settings))
        except BaseException:
            leadership.release()
            raise
        # It would log at every turn that a long job is still running.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        running._scheduler.start()
        running._watcher.start()
        return running

    def stop(self) -> None:
        """Ends the jobs: waits for those that are running to commit, then gives up the leadership."""
        self._stop.set()
        self._scheduler.shutdown(wait=True)
        self._watcher.join()
        for job in self._jobs:
            job.end()
        try:
            if self.leads():
                replace_runs(self._store, list(self._unrecorded.values()))
        except Exception as error:
            log_failure("The last runs of the background jobs could not be recorded", error)
        self._store.close()
        self._leadership.release()

    def leads(self) -> bool:
        """Whether this process still has the leadership; on a PostgreSQL catalog it goes with the connection."""
        return self._leadership.is_valid()

    def works(self) -> bool:
        """Whether this process leads and its store answers."""
        return self.leads() and not self._store.is_broken()

    def read_changed_inbox(self, job: BackgroundJob, work: InboxJob) -> None:
        """Runs the ingest job for a change that was reported, however lately it last looked."""
        work.inbox.report_change()
        self.run(job)

    def run(self, job: BackgroundJob) -> None:
        """Runs one job; when it raises, that is logged and recorded, and all jobs go on at their next turn."""
        with self._turns[job.name]:
            began_at = self._running[job.name] = datetime.now(UTC)
            try:
                detail, outcome = job.work(self._store, self._stop), "ok"
            except Stopping:
                return
            except Exception as error:
                log_failure(f"The background job {job.name} failed", error)
                detail, outcome = without_credentials(str(error)) or type(error).__name__, "failed"
            finally:
                del self._running[job.name]
            try:
                self.record(job, began_at, outcome, detail)
            except Exception as error:
                log_failure(f"The run of the background job {job.name} could not be recorded", error)

    def record_long_runs(self) -> None:
        """Records once which jobs have been running for long: they are not late."""
        for name, began_at in list(self._running.items()):
            if datetime.now(UTC) - began_at >= LONG_RUN and self._long_runs.get(name) != began_at:
                try:
                    self._recorded.pop(name, None)
                    record_running(self._store, name, began_at)
                    self._long_runs[name] = began_at
                except Exception as error:
                    log_failure(f"That the background job {name} is running could not be recorded", error)

    def record(self, job: BackgroundJob, began_at: datetime, outcome: str, detail: str) -> None:
        """Records a run with news, and any other only every few minutes, with those of other jobs: one commit for all.

        `began_at` has its zone.
        """
        run = JobRun(job.name, naive(began_at), naive(datetime.now(UTC)), outcome, detail or "nothing new")
        last = self._recorded.get(job.name)
        is_news = last is None or last.outcome != outcome or bool(detail and detail != last.detail)
        self._unrecorded[job.name] = run
        if not is_news and self._unrecorded_for(run) < HEARTBEAT:
            return
        runs = [
            one for one in list(self._unrecorded.values()) if one is run or self._unrecorded_for(one) > HEARTBEAT / 2
        ]
        replace_runs(self._store, runs)
        for one in runs:
            self._recorded[one.job] = one
            if self._unrecorded.get(one.job) is one:
                del self._unrecorded[one.job]
        logger.info("%s: %s", job.name, run.detail)

    def _unrecorded_for(self, run: JobRun) -> timedelta:
        """Returns how much later a run began than the one of its job that was recorded last."""
        last = self._recorded.get(run.job)
        return run.began_at - last.began_at if last else timedelta()


class Standby:
    """Runs the background jobs from the moment no other process does until `stop`; it waits in a thread of its own."""

    def __init__(self, settings: Settings, role: str, retry_s: float = RETRY_S) -> None:
        self._settings = settings
        self._role = role
        self._retry_s = retry_s
        self._stop = Event()
        self._thread = Thread(target=self._wait, name="background-jobs", daemon=True)
        self.scheduler: Scheduler | None = None
        "The jobs, while this process runs them."

    def start(self) -> Self:
        """Starts to wait, and returns itself."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends the waiting, or the jobs."""
        self._stop.set()
        self._thread.join()

    def _wait(self) -> None:
        while not self._stop.is_set():
            if self.scheduler is not None and not self.scheduler.works():
                logger.warning(
                    "The connection to the catalog has ended, and the leadership with it; both are made anew"
                )
                self._end()
            if self.scheduler is None:
                try:
                    self.scheduler = Scheduler.start(self._settings, self._role)
                except Exception as error:
                    log_failure(f"The background jobs could not start, next try in {self._retry_s} seconds", error)
            self._stop.wait(self._retry_s)
        self._end()

    def _end(self) -> None:
        if self.scheduler is not None:
            self.scheduler.stop()
            self.scheduler = None
