"""Reports, as receivers write them."""

import json


def report(
    rows: str = "", *, before: str = "", domain: str = "example.com", of: str = "r1"
) -> bytes:
    """A report of one row, or of those that are given."""
    return (
        f"<?xml version='1.0'?>{before}<feedback><report_metadata><org_name>them</org_name>"
        f"<email>dmarc@them.example</email><report_id>{of}</report_id><date_range>"
        "<begin>1700000000</begin><end>1700086399</end></date_range></report_metadata>"
        f"<policy_published><domain>{domain}</domain></policy_published>"
        f"{rows or row()}</feedback>"
    ).encode()


def row(
    ip: str = "192.0.2.7",
    count: object = 3,
    *,
    dkim: str = "fail",
    spf: str = "fail",
    disposition: str = "none",
    signatures: str = "",
    reason: str = "",
) -> str:
    return (
        f"<record><row><source_ip>{ip}</source_ip><count>{count}</count><policy_evaluated>"
        f"<disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf>"
        f"<reason><type>{reason}</type></reason></policy_evaluated></row>"
        f"<identifiers><header_from>example.com</header_from></identifiers>"
        f"<auth_results>{signatures}</auth_results></record>"
    )


def signature(domain: str = "example.com", selector: str = "s1", result: str = "pass") -> str:
    return (
        f"<dkim><domain>{domain}</domain><selector>{selector}</selector>"
        f"<result>{result}</result></dkim>"
    )


def tls(**changed: str) -> bytes:
    given = {"contact": "tls@them.example", "begin": "2026-11-01T00:00:00Z", "type": "sts"}
    given |= changed
    made = {
        "organization-name": "Them",
        "date-range": {
            "start-datetime": given["begin"],
            "end-datetime": "2026-11-01T23:59:59Z",
        },
        "contact-info": given["contact"],
        "report-id": "t1",
        "policies": [
            {
                "policy": {"policy-type": given["type"], "policy-domain": "example.com"},
                "summary": {
                    "total-successful-session-count": 9,
                    "total-failure-session-count": 2,
                },
                "failure-details": [
                    {"result-type": "starttls-not-supported", "failed-session-count": 2}
                ],
            }
        ],
    }
    return json.dumps(made, separators=(",", ":")).encode()
