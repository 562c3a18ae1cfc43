"""`make demo` shows the template to somebody who has just cloned it."""

import signal
from pathlib import Path

import pytest

from .bake import TEMPLATE, clean_environ, run_in
from .servers import serve, wait_until_gone

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_demo_serves_sample_customers_and_leaves_nothing(
    tmp_path: Path, how: signal.Signals
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    environ = clean_environ({"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")})
    with serve(["make", "demo"], TEMPLATE, environ) as server:
        server.wait_for("The demo serves sample customers: curl http://127.0.0.1:")
        with server.client() as client:
            assert client.get("/get/1").json()["lastName"] == "Lovelace"
            assert len(client.get("/").json()) == 3
        family = server.family()
        assert len(family) > 3
        server.stop(how)
        wait_until_gone(family)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list((tmp_path / "home").iterdir()) == []


def test_demo_says_what_to_do_when_its_port_is_taken(tmp_path: Path) -> None:
    with serve(["make", "demo"], TEMPLATE, clean_environ()) as server:
        port = server.url.rpartition(":")[2]
        taken = {"PORT": port, "TMPDIR": str(tmp_path)}
        second = run_in(TEMPLATE, "make", "demo", environ=taken)
    assert second.returncode != 0
    assert "Address already in use; try another one, as in PORT=8000 make demo" in second.stderr
