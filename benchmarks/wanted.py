"""What a benchmark wants of a figure, and whether it is met: one line for each, the same in every benchmark."""


def print_wanted(figures: list[tuple[str, float, float, str]]) -> None:
    """Prints each figure, the most that it may be and whether it is; a figure has a name, a value, a limit, a unit."""
    print("\n| figure | measured | wanted at most | met |\n| --- | ---: | ---: | --- |")
    for name, value, most, unit in figures:
        print(f"| {name} | {value:,.2f}{unit} | {most:,.2f}{unit} | {'yes' if value <= most else '**no**'} |")
