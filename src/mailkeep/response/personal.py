"""Declares which columns of the response room's tables hold personal data: pseudonyms, no
address."""

from mailkeep.store.personal import Kept, Personal

PERSONAL: Personal = {
    "actions": Kept(
        what="what was done about an incident, and by whom",
        under="for good",
        named="by cursor",
        said="at preview result",
        plain="id incident_id name state lease_until first_at held applied_at",
    ),
    "playbook_accounts": Kept(
        what="which account a playbook touched without a person, for its limit",
        under="for good",
        of="account_id:account",
        named="account_id",
        plain="incident_id name",
    ),
    "playbook_runs": Kept(
        what="when a playbook began an action, for its limit in a day",
        under="for good",
        plain="name at incident_id",
    ),
    "approvals": Kept(
        what="what one operator asked for and a second one had to agree to",
        under="for good",
        named="asked_by decided_by",
        said="asked_at decided_at",
        plain="id incident_id name step state mark expires_at",
    ),
    "hand_cuts": Kept(
        what="which provider an operator cut off by hand, and who confirmed it",
        under="for good",
        clear="reason back_reason",
        named="by confirmed_by back_by",
        said="at due_at cut_at confirmed_at flagged_at taken_back_at ended_at",
        plain="id provider ring_at rings",
    ),
    "exposed_lists": Kept(
        what="which operator took a list of the exposed",
        under="for good",
        named="person by",
        plain="id incident_id until",
    ),
    "advisories": Kept(
        what="which address was warned of mail in our name, by which mail",
        under="for good",
        of="contact_point_id:contact_points.id",
        named="contact_point_id message_id",
        said="at",
        plain="incident_id",
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
