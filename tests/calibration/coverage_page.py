"""docs/coverage.md from the rows of a coverage study."""


def page(rows):
    return ""
