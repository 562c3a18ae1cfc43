"""The page states what the long runs saw."""

from benchmarks.page import END, START

from .page import PAGE, kept, text_of


def test_page_states_what_the_runs_saw() -> None:
    stated = PAGE.read_text().partition(START)[2].partition(END)[0]
    assert stated == text_of(kept())
