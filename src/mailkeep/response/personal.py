"""What the tables of the response room keep about people: names and words, no address."""

from mailkeep.store.personal import Kept, Personal

PERSONAL: Personal = {
    "actions": Kept(
        what="what was done about an incident, and by whom",
        under="for good",
        named="by cursor",
        said="at preview result",
        plain="id incident_id name state lease_until",
    ),
    "notices": Kept(
        what="which owner was told of an incident, by which mail",
        under="for good",
        of="account_id:account",
        named="contact_point_id account_id message_id",
        said="what at",
        plain="incident_id",
    ),
    "pages": Kept(
        what="which pager was rung",
        under="for good",
        plain="id incident_id pager round why state gravity apart at due_at tries",
    ),
}
