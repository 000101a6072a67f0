"""python -m demo: dashboard and pipeline beside a stand-in for Graph and a mail server, with time that runs faster.

Exit 0: the story was played, or Ctrl-C ended it. 2: it could not begin; stderr has the reason in a sentence.
"""

import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Annotated

import httpx
import typer

from demo.mail_server import RECIPIENT, MailServer
from demo.processes import Processes, exit_description, port_is_free, wait_for
from demo.standin import StandIn
from demo.story import FUTURE, START, Line, Story, make_story
from pipeline.config.clock import running
from pipeline.sample.nouns import Exchange
from pipeline.sample.spellings import own
from pipeline.sample.wire import exchanges

CANNOT_BEGIN = 2
TURN_S = 0.2
PAGE_SIZE = 500
STARTS_WITHIN_S = 90.0
BACK_FILL_S = 60.0
BACK_FILL_SPEED = 20.0
"Slow enough that next to nothing of the story's time is left out when the clock is set, fast enough for the throttle."
THROTTLE_S = 10.0
"Graph's own."
INTERRUPTED = Event()
"Is set when somebody ends the demonstration: a KeyboardInterrupt that comes while Python tidies up is lost."


def main(
    port: Annotated[int, typer.Option(help="Where the dashboard listens.")] = 8501,
    speed: Annotated[float, typer.Option(min=1, help="How many times faster than real time runs.")] = 200,
    seconds: Annotated[float, typer.Option(help="Real seconds after which it ends; 0 waits for Ctrl-C.")] = 0,
    users: Annotated[int, typer.Option(min=1000, help="People in the tenant; two thirds are Cerby's.")] = 7600,
    seed: Annotated[int, typer.Option(help="The same seed gives the same story.")] = 7,
    folder: Annotated[Path, typer.Option(help="Where the store, the inbox and the logs go.")] = Path("build/demo"),
) -> None:
    """Play a day of provisioning in minutes: an initial cycle, a stall, a quarantine and its end."""
    if not Path("dashboard.py").exists():
        refuse("dashboard.py is not here; run this in the folder that holds it.")
    if not port_is_free(port):
        refuse(f"Port {port} is in use; give another one, such as make demo PORT={port + 1}.")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    folder = clean(folder.absolute())
    print("Imagining a tenant …", flush=True)
    story = make_story(seed, users=users)
    try:
        play(story, folder, port, speed, seconds, seed)
    except KeyboardInterrupt:
        print("\nEnded.", flush=True)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Ends the demonstration, as Ctrl-C does."""
    INTERRUPTED.set()
    signal.default_int_handler(number, frame)


def refuse(sentence: str) -> None:
    """Prints why the demonstration cannot begin, and ends."""
    print(sentence, file=sys.stderr)
    raise typer.Exit(CANNOT_BEGIN)


def clean(folder: Path) -> Path:
    """Removes what an earlier demonstration left, and nothing else, from its folder."""
    for name in ("lake", "inbox", "mail"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    for log in folder.glob("*.log"):
        log.unlink()
    return folder


def play(story: Story, folder: Path, port: int, speed: float, seconds: float, seed: int) -> None:
    """Starts every process and plays the story."""
    clock = Clock(START - timedelta(seconds=BACK_FILL_S * BACK_FILL_SPEED), BACK_FILL_SPEED)
    url = f"http://localhost:{port}"
    with (
        StandIn([story.tenant], clock=clock.now, page_size=PAGE_SIZE) as graph,
        MailServer(folder / "mail", lambda line: print_line(clock.now(), line)) as mail_server,
    ):
        # Whoever asks in a faster time is allowed as much in less of it.
        graph.faults.throttle_s = THROTTLE_S / BACK_FILL_SPEED
        settings = environment(graph, folder) | {
            "PROVISIONING_NOTIFY": str(mail_server.routes_toml(folder)),
            "PROVISIONING_DASHBOARD_URL": url,
        }
        back_fill(settings | {"PROVISIONING_CLOCK": clock.setting})
        graph.faults.throttle_s = THROTTLE_S / speed
        clock.set(START, speed)
        settings["PROVISIONING_CLOCK"] = clock.setting
        (folder / "environment").write_text(exports(settings), encoding="utf-8")
        with Processes(folder, settings) as processes:
            pid = processes.start("pipeline", ["-m", "pipeline", "watch"])
            processes.start("dashboard", dashboard(port), PROVISIONING_BEATS="false")
            introduce(url, pid, folder, graph)
            Narrator(story, clock, url, folder, seed).play(processes, seconds)


def back_fill(settings: Mapping[str, str]) -> None:
    """Fetches what Graph keeps of the time before the story; what is not done in time is done beside it."""
    print("Fetching the two weeks that Graph still keeps …", flush=True)
    if not wait_for(["-m", "pipeline", "poll"], settings, BACK_FILL_S):
        print("That takes longer than usual; the rest is fetched while the story runs.", flush=True)


class Clock:
    """The story's time, which runs faster; it is set once more when the story begins."""

    def __init__(self, at: datetime, speed: float) -> None:
        self.set(at, speed)

    def set(self, at: datetime, speed: float) -> None:
        """Makes it show an instant now, and run on from there."""
        self.setting = f"{at.isoformat()},{speed:g},{datetime.now(UTC).isoformat()}"

    def now(self) -> datetime:
        """Returns what it shows."""
        return running(self.setting, datetime.now(UTC))


def environment(graph: StandIn, folder: Path) -> dict[str, str]:
    """Returns the settings of all processes; spans are of the faster time, except how often something is done."""
    return graph.environment() | {
        "PROVISIONING_STORE": f"ducklake:sqlite:{folder / 'lake' / 'catalog.sqlite'}",
        "PROVISIONING_INBOX": str(folder / "inbox"),
        "PROVISIONING_TENANTS": str(graph.tenants_toml(folder)),
        "PROVISIONING_POLL_EVERY": "2",
        "PROVISIONING_OVERLAP": "900",
        "PROVISIONING_INGEST_EVERY": "3",
        "PROVISIONING_MAINTAIN_EVERY": "60",
        # Of the demonstration's time: every 36 seconds. A check takes a second or two, which no clock makes faster.
        "PROVISIONING_CHECK_EVERY": "7200",
        "PROVISIONING_GRACE": "2400",
    }


def exports(settings: Mapping[str, str]) -> str:
    """Returns the settings as lines for a shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())


def dashboard(port: int) -> list[str]:
    """Returns the arguments that serve the pages."""
    return ["-m", "streamlit", "run", "dashboard.py", "--server.headless=true", f"--server.port={port}"]


def introduce(url: str, pid: int, folder: Path, graph: StandIn) -> None:
    """Prints what runs, and what can be tried."""
    where = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    print(f"The dashboard is at {url}; it only shows, and the pipeline (process {pid}) reads.")
    print(f"Try: kill -9 {pid}             the pages soon show that no data is read any more; to read again:")
    print(f"     . {where}/environment; python -m pipeline watch")
    print(f"Letters to {RECIPIENT} are kept in {where}/mail.")
    print(f"     curl -k {graph.url}/_faults   how to make Graph misbehave; logs are in {where}", flush=True)


class Narrator:
    """Prints each line at its instant, and appends to the log of Cerby's server."""

    def __init__(self, story: Story, clock: Clock, url: str, folder: Path, seed: int) -> None:
        self._lines: Iterator[Line] = iter(story.lines)
        self._line = next(self._lines, None)
        self._requests: Iterator[Exchange] = exchanges(story.cerby, seed)
        self._request = next(self._requests, None)
        self._clock, self._url = clock, url
        self._log = folder / "inbox" / "cerby-scim.jsonl"
        self._ready = False

    def play(self, processes: Processes, seconds: float) -> None:
        """Goes on until the time is over or somebody ends it."""
        began = time.monotonic()
        while not seconds or time.monotonic() - began < seconds:
            now = self._clock.now()
            self.print_until(now)
            self.log_until(now)
            for name, code in processes.ended():
                print_line(now, f"The {name} {exit_description(code)}.")
            self.report_dashboard(now, time.monotonic() - began)
            if now > START + FUTURE:
                print_line(now, "The world ends here; start it again for another round.")
                return
            if INTERRUPTED.wait(TURN_S):
                raise KeyboardInterrupt

    def print_until(self, now: datetime) -> None:
        """Prints the lines that are due."""
        while self._line is not None and self._line.at <= now:
            print_line(self._line.at, self._line.text.format(url=self._url))
            self._line = next(self._lines, None)

    def log_until(self, now: datetime) -> None:
        """Appends the requests that Cerby's server has answered by now to its log."""
        due = []
        while self._request is not None and self._request.at <= now:
            due.append(f"{own(self._request)}\n")
            self._request = next(self._requests, None)
        if due:
            with self._log.open("a", encoding="utf-8") as log:
                log.writelines(due)

    def report_dashboard(self, now: datetime, waited_s: float) -> None:
        """Prints once that the dashboard answers, or that it does not."""
        if self._ready:
            return
        try:
            self._ready = httpx.get(f"{self._url}/healthz", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            self._ready = False
        if self._ready:
            print_line(now, f"The dashboard answers: {self._url}")
        elif waited_s > STARTS_WITHIN_S:
            self._ready = True
            print_line(now, "The dashboard does not answer; its log has the reason.")


def print_line(at: datetime, text: str) -> None:
    """Prints a line with its instant."""
    print(f"{at:%a %H:%M}  {text}", flush=True)


if __name__ == "__main__":
    typer.run(main)
