"""Does what comes to Hypothesis's mind to a storage and to a dict, and compares the two."""

from itertools import chain

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import CustomerStorage

from .strategies import customers, ids, texts

# Few enough to be met again, beside any others.
some_ids = st.sampled_from(["1", "2", "3", "a", "A", "a%", "{a}", "a:b"]) | ids
some_customers = st.builds(Customer, some_ids, texts, texts) | customers
many_ids = st.lists(some_ids, max_size=6)
many_customers = st.lists(some_customers, max_size=6)


class StorageMachine(RuleBasedStateMachine):
    """Changes, finds and lists customers, and lists them in pages while they change."""

    def __init__(self, storage: CustomerStorage) -> None:
        """Take a storage, which is emptied."""
        super().__init__()
        self._storage = storage
        self._model: dict[str, Customer] = {}
        self._walk: str | None = None
        self._met: dict[str, Customer] = {}
        self._unchanged: dict[str, Customer] = {}
        for batch in list(storage.stream()):
            storage.delete_many([customer.customer_id for customer in batch])

    def _changed(self, customer_id: str) -> None:
        self._unchanged.pop(customer_id, None)

    @rule(customer=some_customers)
    def set(self, customer: Customer) -> None:
        """Add or replace one."""
        self._storage.set(customer)
        self._model[customer.customer_id] = customer
        self._changed(customer.customer_id)

    @rule(many=many_customers)
    def set_many(self, many: list[Customer]) -> None:
        """Add or replace several, of which the last one with an ID stays."""
        self._storage.set_many(many)
        for customer in many:
            self._model[customer.customer_id] = customer
            self._changed(customer.customer_id)

    @rule(many=many_customers)
    def add_many(self, many: list[Customer]) -> None:
        """Add those who are not there."""
        differing = {customer.customer_id: customer for customer in many}
        found = self._storage.add_many(list(differing.values()))
        in_the_way = {
            customer_id: self._model[customer_id]
            for customer_id, customer in differing.items()
            if self._model.get(customer_id, customer) != customer
        }
        assert {customer.customer_id: customer for customer in found} == in_the_way
        for customer_id, customer in differing.items():
            self._model.setdefault(customer_id, customer)

    @rule(customer_id=some_ids)
    def delete(self, customer_id: str) -> None:
        """Delete one who may be there."""
        assert self._storage.delete(customer_id) == (customer_id in self._model)
        self._model.pop(customer_id, None)
        self._changed(customer_id)

    @rule(customer_ids=many_ids)
    def delete_many(self, customer_ids: list[str]) -> None:
        """Delete several."""
        there = self._model.keys() & customer_ids
        assert self._storage.delete_many(customer_ids) == len(there)
        for customer_id in there:
            del self._model[customer_id]
            self._changed(customer_id)

    @rule(customer_id=some_ids)
    def get(self, customer_id: str) -> None:
        """Find one."""
        assert self._storage.get(customer_id) == self._model.get(customer_id)

    @rule(customer_ids=st.lists(some_ids, max_size=6, unique=True))
    def get_many(self, customer_ids: list[str]) -> None:
        """Find several."""
        found = self._storage.get_many(customer_ids)
        there = self._model.keys() & customer_ids
        assert len(found) == len(there)
        assert {customer.customer_id for customer in found} == there

    @rule()
    def list_all(self) -> None:
        """List all at once."""
        found = list(chain.from_iterable(self._storage.stream()))
        assert {customer.customer_id: customer for customer in found} == self._model
        assert len(found) == len(self._model)
        assert (self._storage.estimated_size() == 0) == (not self._model)

    @precondition(lambda self: self._walk is None)
    @rule(limit=st.integers(1, 4))
    def list_first_page(self, limit: int) -> None:
        """Begin to list in pages."""
        self._met, self._unchanged = {}, dict(self._model)
        self._take_page(limit)

    @precondition(lambda self: self._walk is not None)
    @rule(limit=st.integers(1, 4))
    def list_next_page(self, limit: int) -> None:
        """Go on with it; who was there all the time must be met."""
        self._take_page(limit)

    def _take_page(self, limit: int) -> None:
        page = self._storage.page(limit, self._walk)
        self._walk = page.next_cursor
        assert len(page.customers) <= limit
        for customer in page.customers:
            assert self._model[customer.customer_id] == customer
            self._met[customer.customer_id] = customer
        if self._walk is None:
            assert self._unchanged.items() <= self._met.items()

    def teardown(self) -> None:
        """Compare all that is there at the end."""
        self.list_all()
