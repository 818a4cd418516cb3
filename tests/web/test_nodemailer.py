"""Nodemailer itself, with the settings of the how-to page; where node and the package are at hand.

Nothing is downloaded here: ``make prove`` fetches the package into a folder of its own and names
it in ``NODE_PATH``.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import Up

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "submit-by-smtp.md"
ENVIRON = {"PATH": "/usr/bin:/bin", "NODE_PATH": os.environ.get("NODE_PATH", "")}

SEND = """
const mail = {
  from: "Shop <us@example.com>", to: "Ada <ada@example.net>", cc: "bob@example.net",
  subject: "Bestätigung", text: "Schöne Grüße\\n.\\n", html: "<p>Schöne Grüße</p>",
  attachments: [{ filename: "a.bin", content: Buffer.alloc(300000, 7) }],
  headers: { "X-Mailkeep-Stream": "alert", "X-Mailkeep-Idempotency-Key": "order-7" },
};
const answers = [await transport.sendMail(mail), await transport.sendMail(mail)];
transport.close();
console.log(JSON.stringify(answers.map((one) => [one.response, one.accepted, one.rejected])));
"""


def _at_hand() -> bool:
    if shutil.which("node", path=ENVIRON["PATH"]) is None:
        return False
    asked = ["node", "-e", "require.resolve('nodemailer')"]
    return subprocess.run(asked, env=ENVIRON, capture_output=True, check=False).returncode == 0


def _script(port: int) -> str:
    """The page's transport, pointed at a development mode, which has no certificate."""
    block = re.search(r"```js\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    transport = block[1]
    for said, here in (
        ('host: "submit.example.com"', 'host: "127.0.0.1"'),
        ("port: 465", f"port: {port}"),
        ("secure: true", "secure: false"),
    ):
        assert said in transport
        transport = transport.replace(said, here)
    return f"""const nodemailer = require("nodemailer");
(async () => {{
{transport}
{SEND}
}})();"""


@pytest.mark.skipif(not _at_hand(), reason="node, or nodemailer, is not at hand")
async def test_nodemailer_sends_with_the_settings_of_the_page(up: Up) -> None:
    """Twice under one idempotency key, over one connection: the second one's answer is the same."""
    process = await asyncio.create_subprocess_exec(
        "node",
        "-e",
        _script(up.smtp),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=ENVIRON | {"MAILKEEP_KEY": up.key},
    )
    async with asyncio.timeout(60):
        out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    first, second = json.loads(out)
    assert first[0].startswith("250 ")
    assert (first[1], first[2]) == (["ada@example.net", "bob@example.net"], [])
    assert first[0] == second[0]
    for message in first[0].split()[2:]:
        assert (await up.until(message, "delivered"))["stream"] == "alert"
