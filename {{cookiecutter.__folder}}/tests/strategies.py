"""Customers, and parts of them, for tests with Hypothesis."""

from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.customers import Customer

# All that UTF-8 can encode. Told so by its name, Hypothesis tries each character, for seconds.
encodable = st.characters(exclude_categories=["Cs"])
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ids = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/"),
    min_size=1,
    max_size=5,
)
customers = st.builds(Customer, ids, texts, texts)


def damaged(text: str) -> st.SearchStrategy[str]:
    """A text with a piece of it exchanged for another."""

    def damage(start: int, inserted: str, removed: int) -> str:
        return text[:start] + inserted + text[start + removed :]

    places = st.integers(0, len(text))
    return st.builds(damage, places, st.text(encodable, max_size=3), st.integers(0, 40))
