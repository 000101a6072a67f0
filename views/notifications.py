"""Notifications: routes, tests, and the messages that were sent."""

from views.parts.alerts.messages import draw_messages


def page() -> None:
    """Draws the page."""
    draw_messages()


if __name__ == "__main__":
    page()
