"""From a Destination to a connection: the only place where a name from a sandbox is looked up, once, and dialled as checked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv6Address, ip_address
from typing import TypeAlias

import anyio
from anyio import to_thread

from app.core.sandbox.destination import Address, Destination
from app.execute.gateway.egress.addresses import Network, is_allowed
from app.execute.gateway.egress.proxy import Proxy
from app.execute.gateway.egress.streams import READ_AHEAD_BYTES, Streams

Resolve: TypeAlias = Callable[[Destination], Awaitable[Sequence[Address]]]

_RESOLVE_SECONDS = 10.0
_CONNECT_SECONDS = 10.0
_MOST_ADDRESSES = 4


class Denied(Exception):
    """It may not be reached, wherever it is asked from."""


class Unreachable(Exception):
    """It may be reached, and does not answer."""


async def resolve_here(destination: Destination) -> Sequence[Address]:
    """Return the addresses of a name, in this host's order. Raises OSError."""

    def look_up() -> list[Address]:
        found = socket.getaddrinfo(destination.host, destination.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(ip_address(each[4][0]) for each in found))

    # Its own limiter: lookups that hang must take no thread from anybody else. A sandbox opens few tunnels at a time.
    return await to_thread.run_sync(look_up, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))


class Dialler:
    """Connects to Destinations: to addresses of the public internet and of `private_networks`, or through `proxy`."""

    def __init__(
        self, *, private_networks: Sequence[Network] = (), proxy: Proxy | None = None, resolve: Resolve = resolve_here
    ) -> None:
        self._private_networks = tuple(private_networks)
        self._proxy = proxy
        self._resolve = resolve

    async def dial(self, destination: Destination) -> Streams:
        """Return a connection to the destination. Raises Denied, Unreachable.

        Behind a proxy the proxy looks the name up again: what it connects to is its own operator's word. A name that leads
        here to refused addresses only is denied all the same; one that this host cannot look up is left to the proxy.
        """
        found = await self._addresses(destination)
        allowed = [each for each in found if self._may_dial(each, destination.port)]
        if found and not allowed:
            raise Denied("its address is not public, or is this machine's own")
        if self._proxy is not None:
            return await self._through(self._proxy, destination)
        if not found:
            raise Unreachable("its name leads to no address")
        return await self._connect(allowed[:_MOST_ADDRESSES], destination.port)

    async def _addresses(self, destination: Destination) -> Sequence[Address]:
        if destination.address is not None:
            return (destination.address,)
        found: Sequence[Address] = ()
        try:
            with anyio.move_on_after(_RESOLVE_SECONDS):
                found = await self._resolve(destination)
        except (OSError, UnicodeError):
            return ()
        return found

    def _may_dial(self, address: Address, port: int) -> bool:
        if not is_allowed(address, self._private_networks):
            return False
        # It can be this host's own, and lead to whatever listens here: only an operator who names the very address means that.
        named = any(network.num_addresses == 1 and address in network for network in self._private_networks)
        return named or not _is_ours(address, port)

    async def _connect(self, addresses: Sequence[Address], port: int) -> Streams:
        why = "it does not answer"
        for address in addresses:
            sock = socket.socket(_family(address), socket.SOCK_STREAM)
            try:
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with anyio.fail_after(_CONNECT_SECONDS):
                    # The address itself, never the name again: whoever answers for the name has had his say.
                    await asyncio.get_running_loop().sock_connect(sock, (str(address), port))
                return Streams(*await asyncio.open_connection(sock=sock, limit=READ_AHEAD_BYTES))
            except (OSError, TimeoutError) as error:
                sock.close()
                why = f"it does not answer ({type(error).__name__})"
            except BaseException:
                sock.close()
                raise
        raise Unreachable(why)

    async def _through(self, proxy: Proxy, destination: Destination) -> Streams:
        try:
            with anyio.fail_after(_CONNECT_SECONDS):
                return await proxy.connect(destination)
        except (OSError, TimeoutError) as error:
            raise Unreachable(f"the operator's proxy does not open a tunnel ({type(error).__name__})") from None


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET


def _is_ours(address: Address, port: int) -> bool:
    """Return whether this host would speak to itself; connecting a datagram socket sends nothing."""
    with socket.socket(_family(address), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), port))
        except OSError:
            return False
        return ip_address(probe.getsockname()[0]) == address
