"""The gateway's fixtures, for fuzzing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ledger.database import Database
from app.ledger.tables import metadata
from app.settings import Settings
from tests.app.execute.gateway.house import HOST, House


@pytest.fixture
def house(runtime_dir: Path, tmp_path: Path) -> Iterator[House]:
    """A running gateway that no model API stands behind."""
    made = Settings(state_dir=tmp_path / "state", runtime_dir=runtime_dir / "r", host_name=HOST, anthropic_api_url="http://127.0.0.1:1")
    made.state_dir.mkdir()
    database = Database(f"sqlite:///{made.state_dir / 'ledger.db'}")
    metadata.create_all(database.engine)
    found = House(made, database)
    found.start()
    yield found
    found.stop()
    database.close()


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One gateway for a whole run of examples."""
    import shutil
    import tempfile

    place = Path(tempfile.mkdtemp(prefix="bh-", dir="/tmp"))
    made = Settings(state_dir=place / "state", runtime_dir=place / "r", host_name=HOST)
    made.state_dir.mkdir()
    database = Database(f"sqlite:///{made.state_dir / 'ledger.db'}")
    metadata.create_all(database.engine)
    found = House(made, database)
    found.start()
    yield found
    found.stop()
    database.close()
    shutil.rmtree(place)
