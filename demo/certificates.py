"""A certificate for loopback, from an authority that is made for one run and that nothing else trusts."""

from pathlib import Path

import trustme


def make_certificates(folder: Path) -> tuple[Path, Path]:
    """Writes `ca.pem`, which clients must trust, and `server.pem` with its key; returns their paths."""
    authority = trustme.CA(organization_name="Stand-in")
    server = authority.issue_cert("127.0.0.1", "localhost")
    ca, pem = folder / "ca.pem", folder / "server.pem"
    authority.cert_pem.write_to_path(ca)
    # The file is made before its content, so that the key is at no moment readable by others.
    pem.touch(mode=0o600)
    server.private_key_and_cert_chain_pem.write_to_path(pem)
    return ca, pem
