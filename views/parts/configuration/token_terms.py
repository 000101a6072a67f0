"""What a token's end means today: its state, until when a new one must be requested, and where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.config.wording import count, instant, is_missing, span
from pipeline.knowledge.app_profiles import Profile
from pipeline.rules.rule import find_rule
from pipeline.rules.token_expiry import RULE, lead_days, token_of
from views.frame.look import Tone


@dataclass(frozen=True)
class Term:
    """A token with an end, and its state at an instant."""

    app_name: str
    expires_at: datetime
    lead_days: int
    now: datetime
    spare_days: int = 7

    @property
    def order_by(self) -> datetime:
        """Returns the last instant at which to ask for a new one."""
        return self.expires_at - timedelta(days=self.lead_days)

    @property
    def word(self) -> str:
        """Returns its state, as a word of `look`."""
        if self.expires_at <= self.now:
            return "ended"
        if self.order_by <= self.now:
            return "ask_now"
        return "ask_soon" if self.order_by <= self.now + timedelta(days=self.spare_days) else "in_time"

    @property
    def tone(self) -> Tone:
        """Returns its tone."""
        tones: dict[str, Tone] = {"ended": "bad", "ask_now": "bad", "ask_soon": "warn", "in_time": "good"}
        return tones[self.word]

    @property
    def advice(self) -> str:
        """Writes what there is to do, and until when."""
        left = span((self.expires_at - self.now).total_seconds())
        takes = count(self.lead_days, "day")
        if self.word == "ended":
            return f"expired {span((self.now - self.expires_at).total_seconds())} ago; enter the new token's expiry"
        if self.word == "ask_now":
            return f"expires in {left}, and a new one takes {takes}: renew it now"
        return f"expires in {left}; renew it by {instant(self.order_by)}"


def term_of(row: Mapping[str, Any], overrides: Mapping[str, Any], now: datetime) -> Term | None:
    """Makes a term of a row of `token_calendar`; None where the end is unknown."""
    if is_missing(row["expires_at"]):
        return None
    app = str(row["app_name"])
    return Term(app, row["expires_at"], lead_days(overrides, app), now, spare_days(overrides))


def spare_days(overrides: Mapping[str, Any]) -> int:
    """Returns the days to spare, as the rule on tokens counts them."""
    standard = next(one.default for one in find_rule(RULE).parameters if one.name == "spare")
    spare = overrides.get(RULE, {}).get("spare", standard)
    return int(spare[0] if isinstance(spare, list) else spare)


def renewal_contact(profiles: Sequence[Profile], app: str) -> str:
    """Writes where to request a new token; empty where no profile has it."""
    token = token_of(profiles, app)
    if token is None:
        return ""
    assumed = " (estimate: none is published)" if token.lead_is_assumed else ""
    how = "An administrator of the app creates it" if token.self_service else f"Not self-service: {token.who}"
    where = f"; write to {token.support}" if token.support else ""
    return f"{how}{where}. About {count(token.lead_days, 'day')}{assumed}."


LEFT_OPEN = {
    "disable": ("leaver keeps access", "leavers keep access"),
    "delete": ("account is not deleted", "accounts are not deleted"),
    "create": ("new user has no account", "new users have no account"),
    "update": ("update is not made", "updates are not made"),
    "membership": ("membership is not changed", "memberships are not changed"),
}
"What stays open of each kind, one and several; leavers come first."


def cost_sentence(rows: Sequence[Mapping[str, Any]], opening: str) -> str:
    """Writes what an end would leave open, from rows of `expiry_cost`, as one sentence of ranges.

    >>> row = {"kind": "disable", "low": 9, "high": 17, "weeks": 8.0}
    >>> cost_sentence([row], "If this token expires on Saturday")
    'If this token expires on Saturday: 9 to 17 leavers keep access (80% range each).'
    """
    weeks = min((float(row["weeks"]) for row in rows), default=0.0)
    if not rows or any(is_missing(row["low"]) for row in rows):
        return (
            f"{opening}: impact unknown. {weeks:.1f} weeks of complete hours are stored, up to the current quarantine "
            "if there is one; two are needed."
        )
    parts = [part for row in rows if (part := range_text(str(row["kind"]), int(row["low"]), int(row["high"])))]
    return f"{opening}: {', '.join(parts) or 'no changes are expected in that time'} (80% range each)."


def range_text(kind: str, low: int, high: int) -> str:
    """Writes one range with its noun; empty where it is 0.

    >>> range_text("create", 0, 1), range_text("create", 3, 3), range_text("delete", 0, 0)
    ('0 to 1 new user has no account', '3 new users have no account', '')
    """
    one, several = LEFT_OPEN[kind]
    if high == 0:
        return ""
    return f"{high if low == high else f'{low:,} to {high:,}'} {one if high == 1 else several}"
