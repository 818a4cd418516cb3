"""A real Dovecot for tests: Debian's, with configuration, certificate and mailboxes of its own."""

import getpass
import grp
import os
import shutil
import socket
import ssl
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PROGRAM = shutil.which("dovecot") or (
    "/usr/sbin/dovecot" if Path("/usr/sbin/dovecot").exists() else None
)
PASSWORD = 'qu"o\\te d'

_CONFIG = """
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/dovecot.log
first_valid_uid = 0
first_valid_gid = 0
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{home}/server.pem
ssl_key = <{home}/server.key
disable_plaintext_auth = yes
auth_mechanisms = plain
imap_capability = {capability}
mail_location = maildir:{home}/mail/%n
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {home}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}/mail/%n
}}
{rootless}
service imap-login {{
  chroot = {login}
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {tls}
  }}
}}
"""

#: Whose the mailboxes are; Dovecot reads none of root's.
_OWNER = (65534, 65534) if os.getuid() == 0 else (os.getuid(), os.getgid())
#: Where we are not root all of it runs as us, and nobody can be locked in.
_ROOTLESS = """
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class Dovecot:
    """One server.

    Args:
        idle: whether it says by itself that mail came.
    """

    def __init__(self, home: Path, *, idle: bool = True) -> None:
        self.home = home
        self.ca = home / "ca.pem"
        self.plain, self.tls = _free(), _free()
        home.chmod(0o755)  # its parts run as several users
        _certificates(home)
        config = home / "dovecot.conf"
        group = grp.getgrgid(os.getgid()).gr_name
        rootless = "" if os.getuid() == 0 else _ROOTLESS.format(user=getpass.getuser(), group=group)
        able = "" if idle else "IMAP4rev1 SASL-IR LITERAL+ ENABLE"
        config.write_text(
            _CONFIG.format(
                home=home,
                rootless=rootless,
                login="login" if not rootless else "",
                uid=_OWNER[0],
                gid=_OWNER[1],
                plain=self.plain,
                tls=self.tls,
                capability=able,
            )
        )
        (home / "mail").mkdir()
        os.chown(home / "mail", *_OWNER)
        (home / "users").write_text(f"ann:{PASSWORD}\n")
        (home / "users").chmod(0o644)
        assert PROGRAM is not None
        self._process = subprocess.Popen([PROGRAM, "-F", "-c", str(config)])
        self._await()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def deliver(self, user: str, raw: bytes) -> Path:
        """Put a mail into a mailbox, as a delivery agent does."""
        folder = self.home / "mail" / user
        for name in (".", "tmp", "new", "cur"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            os.chown(folder / name, *_OWNER)
        self._number = getattr(self, "_number", 0) + 1
        name = f"{time.time_ns()}.M{self._number}.host"
        (folder / "tmp" / name).write_bytes(raw)
        os.chown(folder / "tmp" / name, *_OWNER)
        return (folder / "tmp" / name).rename(folder / "new" / name)

    def rename_all(self, user: str) -> None:
        """Let every mail of a mailbox have another UID (a new UIDVALIDITY)."""
        for one in (self.home / "mail" / user).glob("dovecot*"):
            one.unlink()

    def _await(self) -> None:
        context = ssl.create_default_context(cafile=str(self.ca))
        for _ in range(300):
            log = self.home / "dovecot.log"
            assert "Fatal" not in (log.read_text() if log.exists() else ""), log.read_text()
            assert self._process.poll() is None, (self.home / "dovecot.log").read_text()
            try:
                with (
                    socket.create_connection(("127.0.0.1", self.tls), 30) as plain,
                    context.wrap_socket(plain, server_hostname="localhost") as line,
                ):
                    assert line.recv(4).startswith(b"* OK")
                    return
            except OSError:
                time.sleep(0.2)
        raise AssertionError((self.home / "dovecot.log").read_text())


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _certificates(home: Path) -> None:
    now = datetime.now(UTC)

    def made(
        name: str,
        issuer: str,
        key: ec.EllipticCurvePrivateKey,
        signer: ec.EllipticCurvePrivateKey,
        *,
        ca: bool,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
            )
        return builder.sign(signer, hashes.SHA256())

    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    pem = serialization.Encoding.PEM
    (home / "ca.pem").write_bytes(made("Test", "Test", root, root, ca=True).public_bytes(pem))
    server = made("localhost", "Test", leaf, root, ca=False).public_bytes(pem)
    (home / "server.pem").write_bytes(server)
    (home / "server.key").write_bytes(
        leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
