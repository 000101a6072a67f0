"""What lives between two drawings of a page: every widget's key, every word of the address, every remembered value.

Each is declared here once; nothing else reads or writes Streamlit's session state or query parameters.

Streamlit 1.67 can bind a widget to the address itself (`bind="query-params"`). It serves the search on People. It does
not serve the other words, each for one of these reasons (tried in a browser):

- It writes a choice's label, not its word: `window=Last+7+days+of+data` instead of `window=7-days`. Links that were
  sent before would be ignored, and no label could ever change.
- A widget that stands on every page keeps its own value when a link inside the app names another: a link with `job=B`
  left the job at A and the address at `job=A&job=B`. Links into a page with a job and a window are everywhere.
- It drops a value that equals the default, and keeps one that does not. The usual day and bucket follow the window,
  so a day that nobody chose would enter the address as soon as the window moves.
- What a selected row, mark or button opens (`cycle`, `object`, `rule`, `cell`) is no widget's value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import streamlit as st
from streamlit.errors import StreamlitAPIException

if TYPE_CHECKING:
    from views.frame.filters import Bar

T = TypeVar("T")


@unique
class Key(StrEnum):
    """The key of a widget, of a table or of a chart; `of` makes the key of one among several alike."""

    # The bar
    WINDOW = "window"
    SINCE = "since"
    UNTIL = "until"
    JOB = "job"
    TENANT = "tenant"
    HEADER = "header"
    TIME_RANGE = "time-range"
    ZONE = "zone"
    ALL_APPS = "all-apps"
    COVERAGE_CHIP = "coverage-chip"
    MOVING = "moving"
    # The sidebar of every page
    SIDEBAR = "sidebar"
    SEARCH_ALL = "search-all"
    # The events behind a number, and the SQL of the page
    EVENTS = "behind"
    SQL = "sql"
    VIEW_SQL = "view-sql"
    EXPORT = "export"
    EXPORTED = "exported"
    AS_TABLE = "as-table"
    # Tabs
    APP_TABS = "app-tabs"
    ISSUE_TABS = "issue-tabs"
    # Home, and Apps without an app
    FLEET = "fleet"
    APPS = "apps"
    NUMBERS = "numbers"
    HEAT = "heat"
    ESCROWS = "escrows"
    QUEUE = "queue"
    FOUND_PROBLEM = "found-problem"
    NEW_PROBLEM = "new-problem"
    RESOLVED_PROBLEM = "resolved-problem"
    MORE_PROBLEMS = "more-problems"
    # Cycles
    DAY = "day"
    DAY_LANES = "lanes"
    WITHOUT_CHANGES = "every"
    CYCLES = "cycles"
    CLIMB = "climb"
    CYCLE_FUNNEL = "funnel"
    CYCLE_OBJECTS = "people"
    WATERFALL = "waterfall"
    COMPARED_WITH = "with"
    TRANSITIONS = "matrix"
    CYCLE_ERRORS = "errors"
    # Quarantine
    STATUS_LANES = "status-lanes"
    HEADROOM = "headroom"
    BURN_DOWN = "burn-down"
    WAITING = "waiting"
    REPLAY_FORECASTS = "replay-forecasts"
    FOLDED = "folded"
    # Health
    WHO = "who"
    ACKNOWLEDGE = "ack"
    SNOOZE = "snooze"
    SNOOZE_UNTIL = "until-instant"
    UNSNOOZE = "wake"
    OWNER = "owner"
    ASSIGN = "assign"
    NOTE = "note"
    EVIDENCE = "evidence"
    ROOT_CAUSE = "root-cause"
    RELATED = "related"
    INCIDENT_HISTORY = "incident-history"
    RULES = "rules"
    RULE_SCOPE = "scope"
    RULE_SETTING = "set"
    RULE_SEVERITY = "severity"
    RULE_SILENT = "silent"
    REPLAY_STEP = "step"
    REPLAY = "try"
    REPLAY_CANCEL = "replay-cancel"
    SAVE_RULE = "save"
    FIRINGS = "strip"
    ROUTE = "route"
    TEST_ROUTE = "test"
    OUTBOX = "outbox"
    # People
    SEARCH = "search"
    PEOPLE_STATE = "state"
    PEOPLE_SORT = "sort"
    PEOPLE_PAGE = "page"
    PEOPLE = "people-list"
    PERSON_APPS = "person-apps"
    FULL_HISTORY = "full-history"
    ALL_USERS = "all-users"
    EVENTS_OF_PERSON = "person-events"
    PERSON_DAYS = "person-days"
    STORY_LANES = "story-lanes"
    STORY_INSTANT = "story_at"
    STATE_AT = "state-at"
    # Leavers
    STILL_ACTIVE = "leavers-active"
    HELD_DELETIONS = "leavers-held"
    DEPROVISION_TIMES = "leaver-times"
    LEAVER_CASES = "leaver-cases"
    SURVIVAL = "survival"
    COMPARE_REMOVALS = "leavers_heard"
    REMOVALS = "leavers-heard"
    TRAP = "trap"
    # Issues
    ISSUE_STATE = "issue_state"
    ISSUE_FAULT = "issue_fault"
    ISSUE_NOISE = "issue_noise"
    ISSUES = "issues"
    CLEAR_CODE = "clear-code"
    ISSUES_OF_CODE = "issues-of-code"
    NEW_RECURRING = "new-recurring"
    MOST_CHANGED = "most-changed"
    ISSUE_KINDS = "kinds"
    DIFFERENCES = "differences"
    ISSUE_PEOPLE = "issue-people"
    ISSUE_PARTS = "issue-parts"
    SIMILAR = "similar"
    ISSUE_SPREAD = "spread"
    EPISODES = "episodes"
    BLAME = "blame"
    READ_ALL = "read_all"
    FAILING_NEXT = "failing-next"
    CHANGED_ATTRIBUTES = "changing"
    # Failures
    GROUPED_BY = "by"
    BUCKET = "bucket"
    FAILURES_OVER_TIME = "moves"
    CODES = "codes"
    TOP_ERRORS = "top-errors"
    SKIP_REASONS = "skips"
    # Skips
    SKIP_KINDS = "skip-kinds"
    SKIPPED_PEOPLE = "skipped-people"
    SCOPE_FUNNEL = "scope-funnel"
    SCOPE_LEAK = "leak"
    SCOPE_DRIFT = "drift"
    SCOPE_CLAUSES = "clauses"
    SCOPE_MOVES = "turns"
    NEVER_PROVISIONED = "never"
    # Groups, and SCIM traffic
    GROUPS = "groups"
    MEMBERS = "members"
    GROUP_HISTORY = "history"
    WIRE_PART = "part"
    WIRE_APP = "app"
    WIRE_CELL = "cell"
    WIRE_ROWS = "wire-cell"
    LATENCY = "latency"
    # Query
    QUERY_LIST = "query-list"
    QUERY_EDITOR = "query-editor"
    QUERY_LANGUAGE = "query-language"
    QUERY_FILTER = "query-filter"
    QUERY_TOPIC = "query-topic"
    QUERY_TABLE = "query-table"
    QUERY_OPEN = "query-open"
    QUERY_TEXT = "query-text"
    QUERY_RUN = "query-run"
    QUERY_CANCEL = "query-cancel"
    QUERY_SAVE = "query-save"
    QUERY_SAVE_AS = "query-save-as"
    QUERY_DELETE = "query-delete"
    QUERY_VIEW = "query-view"
    QUERY_CHART = "query-chart"
    VALUE = "value"
    # Connections
    CONNECTIONS = "connections"
    TOKENS = "tokens"
    TOKEN_CALENDAR = "token-calendar"
    TOKEN_FORM = "token"
    TOKEN_APP = "token_app"
    TOKEN_ENDS = "token_ends"
    TOKEN_JWT = "token_jwt"
    TOKEN_BY = "token_by"
    TOKEN_NOTE = "token_note"
    TOKEN_COST = "token_cost"
    # Reports
    DIGEST_PERIOD = "digest-period"
    DIGEST_PREVIEW = "digest-preview"
    EVIDENCE_COMMAND = "evidence-command"
    EVIDENCE_APP = "evidence-app"
    # Access
    ACTIONS = "actions"
    # Ingestion
    INBOX = "inbox"
    COVERAGE = "coverage"

    def of(self, *parts: object) -> str:
        """Returns the key of one among several alike.

        >>> Key.ACKNOWLEDGE.of(7)
        'ack-7'
        """
        return "-".join([self, *map(str, parts)])


@unique
class Word(StrEnum):
    """A word that stands in the address, so that a link shows what its sender saw."""

    # On every page
    WINDOW = "window"
    SINCE = "since"
    UNTIL = "until"
    JOB = "job"
    TENANT = "tenant"
    TAB = "tab"
    # Cycles
    DAY = "day"
    CYCLE = "cycle"
    WITH = "with"
    # Health
    RULE = "rule"
    # People
    STATE = "state"
    SORT = "sort"
    SEARCH = "search"
    OBJECT = "object"
    EVENT = "event"
    AT = "at"
    VIEW = "view"
    # Incidents
    INCIDENT = "incident"
    # Leavers
    CASES = "cases"
    # Issues; Groups has `of` too: whose job it is
    FAULT = "fault"
    NOISE = "noise"
    CODE = "code"
    ISSUE = "issue"
    OF = "of"
    # Failures
    BY = "by"
    BUCKET = "bucket"
    # Configuration
    CONFIGURATION = "configuration"
    # Scope
    SKIP = "skip"
    CLAUSE = "clause"
    STAGE = "stage"
    # Groups, and SCIM traffic
    GROUP = "group"
    PART = "part"
    APP = "app"
    CELL = "cell"
    # Query; a question's values stand there by its parameters' names
    QUESTION = "question"
    SAVED = "saved"
    SQL = "sql"


def read_word(word: str, usual: str = "") -> str:
    """Returns a word of the address."""
    return str(st.query_params.get(word, usual))


def has_word(word: str) -> bool:
    """Whether the address has a word."""
    return word in st.query_params


def write_words(values: Mapping[str, str | None]) -> None:
    """Puts words into the address and takes out those that are None; a word that is there as it should be is left.

    All at once where that is possible: each change of the address is an entry of the browser's history.
    """
    present = st.query_params.to_dict()
    wanted = {word: value for word, value in (present | dict(values)).items() if value is not None}
    if wanted == present:
        return
    try:
        st.query_params.from_dict(wanted)
    except StreamlitAPIException:
        # A word that a widget is bound to, as the search on People, can only be left alone (Streamlit 1.67).
        if changed := {word: value for word, value in wanted.items() if present.get(word) != value}:
            st.query_params.update(changed)
        for word in present.keys() - wanted.keys():
            del st.query_params[word]


def send_address() -> None:
    """Has the browser show the address as it is here.

    A link to the page that it stands on brings other words without showing them (Streamlit 1.67). Where the browser
    shows them already, nothing changes and no entry of its history is made.
    """
    st.query_params.update({})


def write_word(word: str, value: str | None) -> None:
    """Puts one word into the address, or takes it out."""
    write_words({word: value})


def other_words(known: tuple[Word, ...]) -> dict[str, str]:
    """Returns the words of the address that are not among some."""
    return {word: value for word, value in st.query_params.to_dict().items() if word not in known}


@dataclass(frozen=True)
class Memory(Generic[T]):
    """A value that a session remembers and that is no widget's."""

    name: str
    usual: T

    def get(self) -> T:
        """Returns the value, or what it usually is."""
        value: T = st.session_state.get(self.name, self.usual)
        return value

    def set(self, value: T) -> None:
        """Remembers a value."""
        st.session_state[self.name] = value

    def take(self) -> T:
        """Returns the value and forgets it."""
        value: T = st.session_state.pop(self.name, self.usual)
        return value


@dataclass(frozen=True)
class Words:
    """Words that follow widgets, and that the widgets follow where an address was opened or linked."""

    memory: Memory[dict[str, str] | None]
    words: tuple[Word, ...]

    def opened(self) -> dict[str, str] | None:
        """Returns the words of an address that was opened since they were written; None where they are as written."""
        present = st.query_params.to_dict()
        given = {str(word): present[word] for word in self.words if word in present}
        return None if given == self.memory.get() else given

    def write(self, values: Mapping[Word, str | None]) -> dict[str, str]:
        """Puts the widgets' words into the address, and returns those that are there."""
        write_words({word: values.get(word) or None for word in self.words})
        written = {str(word): value for word, value in values.items() if value}
        self.memory.set(written)
        return written


BAR_WORDS = Words(Memory("bar_words", None), (Word.WINDOW, Word.SINCE, Word.UNTIL, Word.JOB, Word.TENANT))
PEOPLE_WORDS = Words(Memory("people_words", None), (Word.STATE, Word.SORT))
TAB_WORDS = Words(Memory("tab_words", None), (Word.TAB,))
QUERY_WORDS = Words(Memory("query_words", None), (Word.QUESTION, Word.SAVED, Word.SQL))
ISSUE_WORDS = Words(Memory("issue_words", None), (Word.STATE, Word.FAULT, Word.NOISE))

UNKNOWN_WORDS: Memory[list[str]] = Memory("unknown_words", [])
"What of an address that was opened names nothing here, until it is drawn."
BAR: "Memory[Bar | None]" = Memory("bar", None)
"What the bar was set to in this run."
PAGE: Memory[str | None] = Memory("page", None)
"The page that was drawn last, by its path; Home's is empty."
ENTERED = Memory("page_entered", True)
"Whether another page was drawn before this one."
QUESTIONS: Memory[list[Any]] = Memory("page_questions", [])
"The questions that this page asked, with their values."
SHOWN_COLUMNS: Memory[dict[str, Any]] = Memory("page_columns", {})
"The labels under which this page shows columns, by the question whose answer they are of."
PLACEHOLDER: Memory[Any] = Memory("placeholder", None)
"Where the placeholder of what is being drawn is."
PANEL = Memory("panel", "")
"What the side panel was last drawn for."
SHOWN_TABLES: Memory[dict[str, Any]] = Memory("page_tables", {})
"The tables of this page that are made of several answers, with their columns, by their titles."
REFRESHING = Memory("refreshing", False)
"Whether the page is drawn again by itself, not for what somebody did."
PEOPLE_SEARCH = Memory("people_search", "")
"The search that the address of People had when it was drawn last."
SEARCHED = Memory("searched", "")
"What was entered into the search of every page, until its results are shown."
TABLE_ROUNDS: Memory[dict[str, int]] = Memory("table_rounds", {})
"How often a row of each table was opened: the next drawing is another table, in which nothing is selected."
VIEWER: Memory[Any] = Memory("viewer", None)
"What is kept of whoever looks at the pages, once it was read."
ZONE = Memory("viewer_zone", "utc")
"The zone in which instants are written: UTC, or the browser's."
NAME = Memory("me", "")
"Who sits here, by their own word."
TROUBLE = Memory[str | None]("incident_trouble", None)
"Why what was done to an incident could not be kept."
TOKEN_TROUBLE = Memory("token_trouble", "")
TOKEN_SAVED = Memory("token_kept", "")
RULE_REPLAY: Memory[Any] = Memory("replayed", None)
"The backtest that was begun last, with the rule and the settings."
FORECAST_REPLAY: Memory[Any] = Memory("forecasts_replayed", None)
"The data and the window that were replayed last, and what that gave."
LEADS_TO: Memory[tuple[str, dict[str, str]] | None] = Memory("leads_to", None)
"The place, and the words of its address, that an opened row leads to, until it is open."
DIGEST: Memory[tuple[Any, str, str] | None] = Memory("digest", None)
"The digest that was previewed last: its period and the store's revision, its subject and its text."
UPLOADS = Memory("inbox_round", 0)
"How often files were dropped: the next drop zone is another widget, and empty."
UPLOAD_RESULTS: Memory[list[tuple[bool, str]]] = Memory("inbox_said", [])
EXPORT_TICKETS: Memory[dict[str, str]] = Memory("export_tickets", {})
"The ticket of each file that this session may export, by the file's name."
QUERY_DRAFT: Memory[Any] = Memory("query_draft", None)
"What the editor holds, and where it came from."
QUERY_OPENED = Memory("query_opened", False)
"Whether a draft was opened and not run yet."
QUERY_RUN: Memory[Any] = Memory("query_ran", None)
"The statement that was run last, and what came of it."
QUERY_TROUBLE = Memory("query_trouble", "")
"Why a query could not be saved or deleted."


def value(key: str) -> Any:
    """Returns what a widget holds; None before it was drawn."""
    return st.session_state.get(key)


def set_value(key: str, value: Any) -> None:
    """Sets what a widget holds, before it is drawn or from a callback."""
    st.session_state[key] = value
