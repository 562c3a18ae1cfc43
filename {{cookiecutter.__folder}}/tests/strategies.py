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
