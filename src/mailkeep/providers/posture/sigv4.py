"""Signs a request with AWS Signature Version 4 (pure: the time is passed in).

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.secret import Secret

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


def signed(
    method: str,
    url: str,
    body: bytes,
    *,
    key_id: str,
    secret: Secret,
    region: str,
    service: str,
    now: Instant,
    headers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The headers that a request must have, its signature among them.

    Args:
        url: whole; its path must be encoded as it is sent, once.
        headers: further ones, which are signed too.
    """
    moment = datetime.fromtimestamp(now / SECOND, UTC)
    stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    parts = urlsplit(url)
    out = {**(headers or {}), "X-Amz-Date": stamp}
    signing = {name.lower(): value.strip() for name, value in out.items()} | {"host": parts.netloc}
    names = ";".join(sorted(signing))
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    canonical = "\n".join(
        (
            method,
            # Every service but S3 wants what is already encoded to be encoded once more.
            quote(parts.path or "/", safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{signing[name]}" for name in sorted(signing)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}"
    key = b"AWS4" + secret.reveal().encode()
    for one in (day, region, service, "aws4_request"):
        key = hmac.digest(key, one.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    out["Authorization"] = (
        f"{_ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return out
