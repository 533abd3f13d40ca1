"""Dialling: only what was checked, directly or through the operator's proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.core.sandbox.destination import Address, Destination
from app.errors import ConfigurationError
from app.execute.gateway.egress import dial
from app.execute.gateway.egress.addresses import is_allowed, parse_networks
from app.execute.gateway.egress.dial import Denied, Dialler, Unreachable, resolve_here
from app.execute.gateway.egress.proxy import Proxy, proxy_of
from app.execute.gateway.egress.streams import Streams
from app.settings import Settings
from tests.app.execute.gateway.egress.outside import Names, Upstream, own_address, running
from tests.app.execute.gateway.egress.outside import Proxy as CompanyProxy

ALLOWED = Destination(host="allowed.example", port=8443)


async def said(dialler: Dialler, destination: Destination, sent: bytes = b"hello") -> bytes:
    streams = await dialler.dial(destination)
    streams.writer.write(sent)
    try:
        return streams.early + await streams.reader.read(100)
    finally:
        streams.writer.close()


class Ledger(Dialler):
    """Writes down what it would dial."""

    def __init__(self, answers: Sequence[Address]) -> None:
        async def resolve(_: Destination) -> Sequence[Address]:
            return answers

        super().__init__(resolve=resolve)
        self.dialled: list[Address] = []

    async def _connect(self, addresses: Sequence[Address], port: int) -> Streams:
        self.dialled += addresses
        raise Unreachable("only written down")


@settings(deadline=None)
@given(st.lists(st.one_of(
    st.ip_addresses(), st.sampled_from(["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254", "8.8.8.8"]).map(ip_address),
    st.integers(0, 2**32 - 1).map(lambda low: IPv6Address((0xFFFF << 32) | low)),
    st.integers(0, 2**32 - 1).map(lambda low: IPv6Address((0x64FF9B << 96) | low)),
    st.integers(0, 2**32 - 1).map(lambda low: IPv6Address((0x2002 << 112) | low << 80)),
), max_size=6))
def test_t54_t55_no_address_that_is_not_global_is_ever_dialled(answers: list[Address]) -> None:
    ledger = Ledger(answers)
    with pytest.raises((Denied, Unreachable)):
        asyncio.run(ledger.dial(ALLOWED))
    assert all(address.is_global and address in answers for address in ledger.dialled)
    for address in ledger.dialled:
        if isinstance(address, IPv6Address):
            assert address.ipv4_mapped is None
            assert address.sixtofour is None
            if int(address) >> 32 == 0x64FF9B << 64:
                assert IPv4Address(int(address) & 0xFFFF_FFFF).is_global
    assert bool(ledger.dialled) == any(is_allowed(address) for address in answers)


def test_t54_a_public_address_of_this_very_host_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = own_address()
    monkeypatch.setattr(dial, "is_allowed", lambda address, networks=(): True)
    with pytest.raises(Denied):
        asyncio.run(Dialler(resolve=Names({"allowed.example": [[mine]]})).dial(ALLOWED))


def test_t54_an_address_of_this_very_host_is_no_part_of_a_private_network() -> None:
    mine = own_address()
    around = parse_networks(str(ip_network(f"{mine}/24", strict=False)))
    with running(Upstream(mine)) as server:
        there = Destination(host="allowed.example", port=server.port)
        with pytest.raises(Denied):
            asyncio.run(Dialler(private_networks=around, resolve=Names({"allowed.example": [[mine]]})).dial(there))
        named = Dialler(private_networks=(*around, *parse_networks(mine)), resolve=Names({"allowed.example": [[mine]]}))
        assert asyncio.run(said(named, there))


def test_a_name_is_looked_up_on_this_host() -> None:
    found = asyncio.run(resolve_here(Destination(host="localhost", port=80)))
    assert {each.is_loopback for each in found} == {True}
    with pytest.raises(OSError, match=r"."):
        asyncio.run(resolve_here(Destination(host="no-such-name.invalid", port=80)))


def test_the_operators_proxy_is_asked_for_exactly_the_destination() -> None:
    mine = own_address()
    with running(Upstream(mine)) as server, running(CompanyProxy((mine, server.port))) as company:
        assert isinstance(company, CompanyProxy)
        proxy = proxy_of(Settings().model_copy(update={"outbound_proxy": f"http://us%20er:p%40ss@127.0.0.1:{company.port}"}))
        assert proxy is not None
        assert "p@ss" not in repr(proxy)
        names = Names({"allowed.example": [["8.8.8.8"]], "loopback.example": [["127.0.0.1"]]})
        dialler = Dialler(proxy=proxy, resolve=names)
        # The first bytes are those that came in the proxy's own segment.
        assert asyncio.run(said(dialler, ALLOWED)) in (b"gnip", b"gnipolleh")
        assert company.heads == [
            b"CONNECT allowed.example:8443 HTTP/1.1\r\nHost: allowed.example:8443\r\n"
            b"Proxy-Authorization: Basic dXMgZXI6cEBzcw==\r\n\r\n"
        ]
        # What this host knows to lead inside is denied here; what it does not know is the proxy's to judge.
        with pytest.raises(Denied):
            asyncio.run(dialler.dial(Destination(host="loopback.example", port=80)))
        with pytest.raises(Denied):
            asyncio.run(dialler.dial(Destination(host="169.254.169.254", port=80)))
        assert len(company.heads) == 1
        assert asyncio.run(said(dialler, Destination(host="unknown.example", port=80))).startswith(b"gnip")


@pytest.mark.parametrize("status", [b"403 Forbidden", b"407 Proxy Authentication Required", b"nonsense"])
def test_a_proxy_that_says_no_is_no_tunnel(status: bytes) -> None:
    with running(CompanyProxy(("127.0.0.1", 9), status)) as company:
        dialler = Dialler(proxy=Proxy("127.0.0.1", company.port, None, ""), resolve=Names({}))
        with pytest.raises(Unreachable, match="proxy"):
            asyncio.run(dialler.dial(ALLOWED))


def test_settings_that_cannot_be_are_refused_at_the_start() -> None:
    with pytest.raises(ConfigurationError):
        proxy_of(Settings().model_copy(update={"outbound_proxy": "gopher://x"}))
    assert proxy_of(Settings()) is None
    assert parse_networks(Settings().egress_private_networks) == ()
    with pytest.raises(ValidationError):
        Destination(host="UPPER.example", port=443)
