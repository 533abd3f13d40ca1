from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.execute.sandboxes.options import BackendOptions
from app.execute.sandboxes.registry import BACKENDS, open_backend


@pytest.fixture
def nowhere(tmp_path: Path) -> BackendOptions:
    return BackendOptions(installation="x", state_dir=tmp_path, docker_host="unix:///nowhere")


@pytest.mark.parametrize(
    ("name", "isolation"), [("docker", "container"), ("gvisor", "gvisor"), ("bubblewrap", "process"), ("fake", "process")]
)
def test_each_name_opens_its_backend(name: str, isolation: str, nowhere: BackendOptions) -> None:
    backend = open_backend(name, nowhere)
    assert (backend.name, backend.isolation) == (name, isolation)


def test_an_unknown_name_answers_with_what_exists(nowhere: BackendOptions) -> None:
    with pytest.raises(ConfigurationError) as told:
        open_backend("dokcer", nowhere)
    assert all(name in str(told.value) for name in BACKENDS)


def test_a_backend_of_another_package_needs_no_line_here(nowhere: BackendOptions) -> None:
    assert open_backend("app.execute.sandboxes.fake:open_fake", nowhere).name == "fake"
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        open_backend("no.such.module:open", nowhere)


def test_only_the_chosen_backend_is_imported() -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom app.execute.sandboxes.options import BackendOptions\n"
        "from app.execute.sandboxes.registry import open_backend\n"
        "open_backend('bubblewrap', BackendOptions(installation='x', state_dir=Path('/nowhere')))\n"
        "sys.exit('docker' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, cwd=Path(__file__).parents[4])
