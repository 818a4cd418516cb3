"""A DNS server of a few lines, on loopback over UDP, with the answers it is given."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[tuple[str, str], list[str]]


class _Server(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone, silent: frozenset[str]) -> None:
        self.zone = zone
        self.silent = silent
        self.asked: list[tuple[str, str]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if name in self.silent:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif rows := self.zone.get((name, kind)):
            reply.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, rows))
        elif not any(known == name for known, _ in self.zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(reply.to_wire(), peer)


@asynccontextmanager
async def serving(zone: Zone, silent: frozenset[str] = frozenset()) -> AsyncIterator[_Server]:
    """Serve ``zone``; its address is ``.where``."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: _Server(zone, silent), local_addr=("127.0.0.1", 0)
    )
    server.where = f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    try:
        yield server
    finally:
        transport.close()
