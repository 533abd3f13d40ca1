"""T60: two sandboxes that hold all they may leave the others their sockets."""

from __future__ import annotations

import resource

from tests.app.execute.gateway.house import House


def test_t60_a_gateway_opens_as_many_files_as_it_is_allowed_to(house: House) -> None:
    house.stop()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[1]), before[1]))
        house.start()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(before[1], 65_536), before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
