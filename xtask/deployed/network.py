"""Names and TLS as a client of AWS meets them: each API at its own host, with a certificate, on port 443 of a network namespace where
nothing else is."""

import asyncio
import ipaddress
import ssl
import subprocess
import threading

import trustme


class Front:
    """Ends TLS and passes on what came, from the address that it came from."""

    def __init__(self, folder, port):
        self.authority, self.port = trustme.CA(), port
        self.trust = folder / "authority.pem"
        self.authority.cert_pem.write_to_path(str(self.trust))
        self.hosts = folder / "hosts"
        self.hosts.write_text("127.0.0.1 localhost\n")
        subprocess.run(["mount", "--bind", str(self.hosts), "/etc/hosts"], check=True)
        self.names = []
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def serve(self, names):
        """Answers for these hosts from now on."""
        self.names = names
        self.authority.issue_cert(*names).configure_cert(self.context)
        with open(self.hosts, "a") as file:
            file.writelines(f"127.0.0.1 {name}\n" for name in names)
        started = asyncio.start_server(self._pass, "127.0.0.1", 443, ssl=self.context)
        asyncio.run_coroutine_threadsafe(started, self.loop).result()

    async def _pass(self, reader, writer):
        caller = writer.get_extra_info("peername")[0]
        # Bound to the caller's own address: every one of 127.0.0.0/8 is this machine's.
        assert ipaddress.ip_address(caller).is_loopback
        behind, onward = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(caller, 0))
        await asyncio.gather(_copy(reader, onward), _copy(behind, writer))


async def _copy(source, target):
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        target.close()
