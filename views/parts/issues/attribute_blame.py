"""Attributes blamed: what tells those whom an issue hit from those for whom it went well; and who is to fail next."""

import re

import pandas as pd
import streamlit as st

from pipeline.config.errors import ProfileError
from pipeline.config.settings import read_settings
from pipeline.knowledge.app_profiles import Profile, normalised_name, profile_of, read_profiles
from views.frame.data import Row, ahead, ask, bar, records, tile, times
from views.frame.events import choose, story_link
from views.frame.look import count, missing
from views.parts.issues.sentences import SIDES, blame_sentence

USUAL = {
    "username": "userPrincipalName",
    'emails[type eq "work"].value': "mail",
    "name.givenname": "givenName",
    "name.familyname": "surname",
    "displayname": "displayName",
}
"Which source attribute Entra's usual mapping reads for a target attribute; a job's own mapping goes before it."


def draw(row: Row) -> None:
    """Draws the tile of one issue."""
    tile(
        "attribute_blame",
        lambda rows: blamed(rows, row),
        empty=blame_sentence(pd.DataFrame(), row),
        job=row["job_id"],
        issue=row["issue"],
        required="|".join(required_of(str(row["job_id"]), str(row["app_name"]))),
    )


def blamed(rows: pd.DataFrame, row: Row) -> None:
    """Says what is blamed, and shows everything that was tried."""
    found = bool(rows.iloc[0]["blamed"])
    st.markdown(f"**{blame_sentence(rows, row)}**" if found else blame_sentence(rows, row))
    shown = rows.assign(
        what=rows["attribute"] + " " + rows["trait"],
        where=rows["side"].map(SIDES),
        hits=[f"{each.hit:,} of {each.of_hit:,}" for each in rows.itertuples()],
        rest=[f"{each.others:,} of {each.of_others:,}" for each in rows.itertuples()],
        interval=[f"{each.ratio_low:,.1f} to {each.ratio_high:,.1f}" for each in rows.itertuples()],
        said=rows["blamed"].map({True: "blamed", False: "not told from chance"}),
    )
    columns = {
        "what": st.column_config.TextColumn("What", pinned=True),
        "where": st.column_config.TextColumn("Where"),
        "hits": st.column_config.TextColumn("Those hit"),
        "rest": st.column_config.TextColumn("Others"),
        "ratio": st.column_config.NumberColumn("Times as common", format="%.1f"),
        "interval": st.column_config.TextColumn("95 % interval"),
        "q": st.column_config.NumberColumn(
            "q", format="%.4f", help="The chance of it, corrected for all that was tried"
        ),
        "said": st.column_config.TextColumn("Verdict"),
    }
    st.dataframe(shown, column_config=columns, column_order=list(columns), hide_index=True, key=f"blame-{row['issue']}")
    st.caption(
        f"{count(len(rows), 'trait')} could have told them apart, and these are all of them. What is missing from a "
        "reading of the source is taken for empty there, which is not documented of Entra."
    )


def required_of(job: str, app: str) -> list[str]:
    """Gives the attributes that the app's profile requires, as the target and as the source call them."""
    profile = known_profile(app)
    if profile is None:
        return []
    names = required(profile)
    return names + sources_of(job, names)


def known_profile(app: str) -> Profile | None:
    """Gives an app's profile; profiles that cannot be read are said to be so elsewhere."""
    try:
        return profile_of(read_profiles(read_settings()), app)
    except ProfileError:
        return None


def sources_of(job: str, needed: list[str]) -> list[str]:
    """Gives the source attributes that feed target attributes: by the job's mapping, else by Entra's usual one."""
    told = records(ask("attribute_mappings", job=job))
    mapped = {normalised_name(str(one["target_attribute"])): one["source_expression"] for one in told}
    found = [mapped.get(normalised_name(name)) or USUAL.get(normalised_name(name)) for name in needed]
    plainly = [re.sub(r"^\[(\w+)\]$", r"\1", str(one)) for one in found if not missing(one)]
    return [one for one in plainly if re.fullmatch(r"\w+", one)]


QUICK = 100_000
"Up to how many attempts in a window their readings are looked into without being asked."


def needed() -> str:
    """Gives what each job of the bar needs of a person in the source, as failing_next takes it."""
    apps = {str(job["job_id"]): str(job["app_name"]) for job in records(ask("jobs"))}
    asked = [job for job in apps if bar().job in (None, job)]
    known = {job: profile for job in asked if (profile := known_profile(apps[job]))}
    for job in known:
        ahead("attribute_mappings", job=job)
    return "|".join(f"{job}={name}" for job in known for name in sources_of(job, required(known[job])))


def required(profile: Profile) -> list[str]:
    """Gives the attributes without which an app takes nobody."""
    return [name for name, each in profile.attributes.get("user", {}).items() if each.required]


def reads_all(attempts: int) -> bool:
    """Says whether what Entra read of everybody is looked into: at once where that is quick, else when asked for."""
    return attempts <= QUICK or bool(st.session_state.get("read_all"))


def failing_next(attempts: int, wanted: str) -> None:
    """Draws who is going to fail at their next change, before they do."""
    everybody = reads_all(attempts)
    known = "Nobody is known to lack what an app requires"
    empty = f"{known}." if everybody else f"{known}, by Entra's own skips."
    tile("failing_next", lacking, empty=empty, required=wanted if everybody else "")
    if attempts > QUICK:
        st.toggle(
            "Also look into what Entra read of everybody in this window",
            key="read_all",
            help=f"{attempts:,} attempts hold a reading each; that takes about a second for each million events.",
        )


def lacking(rows: pd.DataFrame) -> None:
    """Draws who lacks what; a selected row opens its story."""
    st.markdown(
        f"**{count(len(rows), 'person lacks', 'people lack')} what an app requires: the next change of theirs fails.**"
    )
    shown = rows.assign(known=rows["known_by"].map({"skip": "Entra skipped them", "reading": "read from the source"}))
    columns = {
        "name": st.column_config.TextColumn("Who", pinned=True),
        "app_name": st.column_config.TextColumn("App"),
        "attribute": st.column_config.TextColumn("Lacks"),
        "known": st.column_config.TextColumn("Known by"),
        **times(since="Since"),
    }
    row = choose(shown, columns, "failing-next")
    if row is not None:
        story_link(row, event=str(row["event_id"]))


def changing() -> None:
    """Draws which attributes change most."""
    columns = {
        "attribute": st.column_config.TextColumn("Attribute", width="medium", pinned=True),
        "app_name": st.column_config.TextColumn("App"),
        "changes": st.column_config.NumberColumn("Changes", format="localized"),
        "objects": st.column_config.NumberColumn("People and groups", format="localized"),
        "emptied": st.column_config.NumberColumn("Emptied", format="localized"),
    }
    tile(
        "changed_attributes",
        lambda rows: st.dataframe(
            rows, column_config=columns, column_order=list(columns), hide_index=True, key="changing"
        ),
        empty="Nothing was changed in this window.",
    )
