"""Attributes blamed: what those who failed have in common, and who is going to fail next."""

import re

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import count, is_missing
from pipeline.knowledge.app_profiles import Profile, normalised_name, profile_of, usable_profiles
from views.frame import state
from views.frame.data import Row, ask, records
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.panel import panel, show_sql
from views.frame.state import Key
from views.frame.table import decimal_column, number_column, table, text_column, time_columns
from views.parts.issues.sentences import SIDES, blame_sentence
from views.parts.people.panel import open_person
from views.parts.shared.coverage import none_in_window
from views.parts.shared.profiles import mappings_by_job

USUAL = {
    "username": "userPrincipalName",
    'emails[type eq "work"].value': "mail",
    "name.givenname": "givenName",
    "name.familyname": "surname",
    "displayname": "displayName",
}
"Which source attribute Entra's usual mapping reads for a target attribute; a job's own mapping goes before it."


def draw_blame(row: Row) -> None:
    """Draws what those whom an issue affects have in common."""
    panel(
        "attribute_blame",
        lambda rows: blame_table(rows, row),
        empty=blame_sentence(pd.DataFrame(), row),
        job=row["job_id"],
        issue=row["issue"],
        required="|".join(required_of(str(row["job_id"]), str(row["app_name"]))),
    )


def blame_table(rows: pd.DataFrame, row: Row) -> None:
    """Draws what they have in common, and in a closed section everything that was compared."""
    is_blamed = bool(rows.iloc[0]["blamed"])
    st.markdown(f"**{blame_sentence(rows, row)}**" if is_blamed else blame_sentence(rows, row))
    shown = rows.assign(
        what=rows["attribute"] + " " + rows["trait"],
        where=rows["side"].map(SIDES),
        hits=[f"{each.hit:,} of {each.of_hit:,}" for each in rows.itertuples()],
        rest=[f"{each.others:,} of {each.of_others:,}" for each in rows.itertuples()],
        interval=[f"{each.ratio_low:,.1f} to {each.ratio_high:,.1f}" for each in rows.itertuples()],
        verdict=rows["blamed"].map({True: "Yes", False: "No, may be chance"}),
    )
    columns = {
        "what": text_column("Trait"),
        "verdict": text_column("Distinguishes them"),
        "hits": text_column("Affected"),
        "rest": text_column("Others"),
        "ratio": decimal_column("Times as common"),
        "interval": text_column("95% interval"),
        "q": decimal_column("q", 4, help="Probability of chance, corrected for all traits compared"),
        "where": text_column("Found in"),
    }
    with st.expander(f"{count(len(rows), 'trait')} compared"):
        table(shown, columns, Key.BLAME.of(row["issue"]), at_most=360)
        st.caption(
            "Attributes that are absent from what Entra read of the source count as empty there, which Microsoft does "
            "not document."
        )


def required_of(job: str, app: str) -> list[str]:
    """Returns the attributes that the app's profile requires, as the target and as the source call them."""
    profile = profile_of(usable_profiles(read_settings()), app)
    if profile is None:
        return []
    names = required(profile)
    return names + sources_of(records(ask("attribute_mappings", job=job)), names)


def sources_of(mappings: list[Row], needed: list[str]) -> list[str]:
    """Returns the source attributes that feed target attributes: by a job's mappings, else by Entra's usual ones."""
    mapped = {normalised_name(str(one["target_attribute"])): one["source_expression"] for one in mappings}
    sources = [mapped.get(normalised_name(name)) or USUAL.get(normalised_name(name)) for name in needed]
    names = [re.sub(r"^\[(\w+)\]$", r"\1", str(one)) for one in sources if not is_missing(one)]
    return [one for one in names if re.fullmatch(r"\w+", one)]


QUICK = 100_000
"Up to how many attempts in a window their readings are searched without a click."


def needed_attributes() -> str:
    """Returns what each job of the bar needs of a person in the source, as failing_next takes it."""
    apps = {str(job["job_id"]): str(job["app_name"]) for job in records(ask("jobs"))}
    chosen = [job for job in apps if bar().job in (None, job)]
    known = usable_profiles(read_settings())
    profiles = {job: profile for job in chosen if (profile := profile_of(known, apps[job]))}
    mappings = mappings_by_job() if profiles else {}
    return "|".join(
        f"{job}={name}"
        for job, profile in profiles.items()
        for name in sources_of(mappings.get(job, []), required(profile))
    )


def required(profile: Profile) -> list[str]:
    """Returns the attributes that an app requires of every person."""
    return [name for name, each in profile.attributes.get("user", {}).items() if each.required]


def reads_everything(attempts: int) -> bool:
    """Whether all readings of the window are searched: at once where that is quick, else on a click."""
    return attempts <= QUICK or bool(state.value(Key.READ_ALL))


def draw_failing_next(attempts: int) -> None:
    """Draws in a section of its own who is going to fail at their next change, before they do."""
    complete = reads_everything(attempts)
    asked = {"required": needed_attributes() if complete else ""}
    rows = ask("failing_next", **asked)
    show_sql(failing_next=asked)
    users = count(len(rows), "user")
    label = (
        f"At risk: required attribute missing for {users}"
        if len(rows)
        else AT_RISK[complete]
        if attempts
        else NOTHING_READ
    )
    with st.expander(label):
        if len(rows):
            lacking_table(rows)
        else:
            nothing(none_in_window("No missing required attribute was read."))
        if attempts > QUICK:
            st.toggle(
                "Also check the attributes that Entra read of every user in this time range",
                key=Key.READ_ALL,
                help=f"{attempts:,} attempts hold a reading each; takes about a second for each million events.",
            )


NOTHING_READ = "At risk: unknown, no attempts were read"
AT_RISK = {
    True: "At risk: no missing required attributes found",
    False: "At risk: none among the users that Entra skipped",
}
KNOWN_BY = {
    "skip": "Skipped by Entra",
    "change": "Cleared by the latest change",
    "reading": "Read from the source",
}


def lacking_table(rows: pd.DataFrame) -> None:
    """Draws who lacks what; a selected row opens its story."""
    st.markdown("Their next change will fail unless the attribute is filled in at the source.")
    shown = rows.assign(source=rows["known_by"].map(KNOWN_BY))
    columns = {
        "name": text_column("User"),
        "app_name": text_column("App"),
        "attribute": text_column("Missing attribute"),
        "source": text_column("Known from"),
        **time_columns(since="Since"),
    }
    table(shown, columns, Key.FAILING_NEXT, at_most=360, opens="name", on_open=open_person)


def draw_changed() -> None:
    """Draws in a closed section which attributes change most."""
    box = st.expander("Most changed attributes", key=Key.MOST_CHANGED, on_change="rerun")
    if not box.open:
        show_sql(changed_attributes={})
        return
    columns = {
        "attribute": text_column("Attribute", width="medium"),
        "app_name": text_column("App"),
        "changes": number_column("Changes"),
        "objects": number_column("Users and groups"),
        "emptied": number_column("Cleared", help="Changes that left the attribute empty"),
    }
    with box:
        panel(
            "changed_attributes",
            lambda rows: table(rows, columns, Key.CHANGED_ATTRIBUTES),
            empty=none_in_window("No attribute changes in this time range."),
            title="",
        )
