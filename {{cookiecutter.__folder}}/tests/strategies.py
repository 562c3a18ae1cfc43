"""Customers, and parts of them, for tests with Hypothesis."""

from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.customers import Customer

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
ids = st.text(
    st.characters(codec="utf-8", exclude_characters="/", exclude_categories=["Cc"]),
    min_size=1,
    max_size=5,
)
customers = st.builds(Customer, ids, texts, texts)
