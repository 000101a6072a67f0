"""People: users and groups, in every app; the full history of one of them."""

from views.parts.people.tab import draw_tab


def page() -> None:
    """Draws the page."""
    draw_tab()


if __name__ == "__main__":
    page()
