"""What stands in the editor: a question's SQL or a person's own, the values of its parameters, and its address."""

from dataclasses import dataclass, replace
from urllib.parse import quote

from pipeline.config.errors import StoreError, UnknownQuery
from pipeline.store.catalog import Parameter, Query, catalog, find_query
from pipeline.store.statements import parameter_names
from views.frame import state
from views.frame.state import QUERY_DRAFT, QUERY_OPENED, QUERY_WORDS, Key, Word, write_words
from views.parts.query.saved import SavedQueryError, read_saved

EXAMPLE = """\
-- Failures per app and week, with distinct users
select app_name, date_trunc('week', occurred_at)::date as week, count(*) as attempts,
    count(distinct source_id) as users
from events
where status = 'failure' and occurred_at >= $since and occurred_at < $until
group by all
order by week desc, attempts desc"""
OF_THE_BAR = ("since", "until", "job", "tenant")
LONGEST_ADDRESS = 6000
"Characters of an address that servers take without being set up for more."


@dataclass(frozen=True)
class Draft:
    """What the editor holds, and where it came from."""

    text: str
    question: str = ""
    "The question whose SQL it was at first."
    saved: str = ""
    "The saved query whose SQL it was at first."
    missing: str = ""
    "Why what a link asked for is not here."

    @property
    def query(self) -> Query | None:
        """The question that it came from."""
        return catalog().get(self.question)

    @property
    def title(self) -> str:
        """What its rows are, for a file's name."""
        return self.query.title if self.query is not None else self.saved or self.heading or "query"

    @property
    def heading(self) -> str:
        """What its first line says of it, where that is a comment."""
        return self.text.splitlines()[0][2:].strip() if self.text.startswith("--") and self.query is None else ""

    @property
    def is_question(self) -> bool:
        """Whether it is a question's SQL as it stands in its file."""
        return self.query is not None and self.text.strip() == editor_text(self.query)


def editor_text(query: Query) -> str:
    """Returns a question's SQL with the question in place of its whole header, which the page shows otherwise."""
    lines = query.sql.splitlines()
    body = next(place for place, line in enumerate(lines) if not line.startswith("--"))
    return "\n".join([f"-- {query.question}", *lines[body:]]).strip()


def current_draft() -> Draft:
    """Returns the draft of this session; what an address that was opened asks for wins over it."""
    given = QUERY_WORDS.opened()
    draft: Draft | None = QUERY_DRAFT.get()
    if given:
        draft = draft_of(given)
        open_draft(draft)
        # Not asked for again with every drawing, also where it cannot run for want of a value.
        write_address(draft)
    elif draft is None:
        draft = Draft(EXAMPLE)
        open_draft(draft)
    elif state.value(Key.QUERY_TEXT) is None:
        # The page was left and is drawn again, maybe by a link without words.
        state.set_value(Key.QUERY_TEXT, draft.text)
        write_address(draft)
    return draft


def draft_of(given: dict[str, str]) -> Draft:
    """Returns the draft that an address asks for."""
    question, saved, sql = (given.get(word, "") for word in (Word.QUESTION, Word.SAVED, Word.SQL))
    if not (question or saved or sql):
        return Draft(EXAMPLE)
    try:
        text = sql or (editor_text(find_query(question)) if question else read_saved(saved))
    except (UnknownQuery, SavedQueryError) as error:
        # The list beside the editor has the names that there are.
        return Draft(EXAMPLE, question, saved, f"{str(error).partition('; there are')[0].rstrip('.')}.")
    return Draft(text, question, saved)


def edited(draft: Draft, text: str) -> Draft:
    """Returns a draft with another text; without the question's own first line it is of that question no more.

    What a link asked for and is not here is asked for until something else is written.
    """
    query = draft.query
    if draft.missing and text != draft.text:
        return Draft(text)
    if query is not None and not text.startswith(f"-- {query.question}"):
        return Draft(text, saved=draft.saved)
    return replace(draft, text=text)


def open_draft(draft: Draft) -> None:
    """Puts a draft into the editor."""
    QUERY_DRAFT.set(draft)
    QUERY_OPENED.set(True)
    state.set_value(Key.QUERY_TEXT, draft.text)


def choose(draft: Draft) -> None:
    """Opens a draft that a person chose; the values of the last one leave the address."""
    last: Draft | None = QUERY_DRAFT.get()
    if last is not None and last.query is not None:
        own = [one.name for one in last.query.parameters if one.name not in OF_THE_BAR]
        write_words(dict.fromkeys([*own, Word.OF]))
    open_draft(draft)
    write_address(draft)


def write_address(draft: Draft) -> None:
    """Lets the address name what was run."""
    whole = len(quote(draft.text)) <= LONGEST_ADDRESS and not draft.missing and draft.text != EXAMPLE
    QUERY_WORDS.write(
        {
            Word.QUESTION: draft.question,
            Word.SAVED: draft.saved,
            Word.SQL: draft.text if whole and not is_stored(draft) else None,
        }
    )


def is_stored(draft: Draft) -> bool:
    """Whether a question or a saved query has this very text, so that its name is enough."""
    if draft.is_question:
        return True
    try:
        return bool(draft.saved) and read_saved(draft.saved) == draft.text
    except SavedQueryError:
        return False


def is_too_long(draft: Draft) -> bool:
    """Whether an address cannot hold the text."""
    return not is_stored(draft) and len(quote(draft.text)) > LONGEST_ADDRESS


def query_of(draft: Draft) -> Query:
    """Returns the draft as a question, with the parameters that its text has."""
    known = draft.query
    if known is not None and draft.is_question:
        return known
    declared = {one.name: one for one in known.parameters} if known else {}
    try:
        names = parameter_names(draft.text)
    except StoreError:
        # Running it says what is wrong with it.
        names = set()
    parameters = [*(one for name, one in declared.items() if name in names)]
    parameters += [named_parameter(name) for name in sorted(names - declared.keys())]
    mine = Query("", "", "", "", "", (), {}, "", for_analysts=False)
    return replace(mine, name=draft.question, sql=draft.text, parameters=tuple(parameters))


def named_parameter(name: str) -> Parameter:
    """Returns the parameter of a person's own statement; the names of the bar's mean what they mean everywhere."""
    if name in ("since", "until"):
        return Parameter(name, "TIMESTAMP", None, "an end of the time range")
    if name in OF_THE_BAR:
        return Parameter(name, "VARCHAR", "null", f"the {name} that is chosen above")
    return Parameter(name, "VARCHAR", None, "a text; cast it in the SQL where another type is needed")
