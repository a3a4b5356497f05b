"""Microsoft's Python SDK, PowerPlatform-Dataverse-Client, against the emulator.

The SDK is used as published: it signs in with azure-identity at the emulator's own issuer and takes https only.
"""

import logging
import os
import uuid

import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientAssertionCredential, ClientSecretCredential, DeviceCodeCredential
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError, MetadataError
from PowerPlatform.Dataverse.models.filters import col
from PowerPlatform.Dataverse.models.query_builder import ExpandOption
from PowerPlatform.Dataverse.models.upsert import UpsertItem

from check import check, equal, refused, run

URL = os.environ["EMULATOR_URL"]
TENANT = "0c0f0000-0000-4000-8000-00000000000a"
ADMINISTRATION = "0c0f0000-0000-4000-8000-000000000a02"
PIPELINE = "5b1f2f64-5c1b-4b6e-9b0e-6a7d7e0a3c11"
PUBLIC = "0c0f0000-0000-4000-8000-000000000a03"
STRANGER = "0c0f0000-0000-4000-8000-000000000a05"
# what is refused on purpose is not worth a warning
logging.getLogger("azure.identity").setLevel(logging.CRITICAL)

FORMATTED = "OData.Community.Display.V1.FormattedValue"


# azure-identity asks Microsoft which authorities there are, unless told that this one is known
ISSUER = {"authority": URL, "disable_instance_discovery": True}


def client_of(application, secret="emulator-secret"):
    return DataverseClient(URL, ClientSecretCredential(TENANT, application, secret, **ISSUER))


def accounts(client, prefix):
    return client.records.list("account", filter=f"startswith(name,'{prefix}')", select=["name"], orderby=["name asc"])


# Signing in


@check
def a_wrong_secret_is_refused_by_the_issuer(_):
    error = refused(ClientAuthenticationError, lambda: accounts(client_of(ADMINISTRATION, "wrong"), "x"))
    equal("AADSTS7000215" in str(error), True)


@check
def an_application_without_a_user_is_refused_by_the_environment(_):
    error = refused(HttpError, lambda: accounts(client_of(STRANGER), "x"))
    equal((error.status_code, error.details["service_error_code"]), (403, "0x80072560"))


@check
def an_application_without_a_privilege_is_refused(_):
    pipeline = client_of(PIPELINE)
    error = refused(HttpError, lambda: pipeline.records.create("account", {"name": "Forbidden"}))
    equal((error.status_code, error.details["service_error_code"]), (403, "0x80040220"))


@check
def a_workflow_of_github_actions_signs_in_without_a_secret(_):
    def statement(subject):
        asked = {"subject": subject, "audience": "api://AzureADTokenExchange"}
        answer = requests.get(
            f"{URL}/github/token", params=asked, headers={"Authorization": "Bearer emulator-job-token"}, timeout=10)
        answer.raise_for_status()
        return answer.json()["value"]

    def profiles(subject):
        credential = ClientAssertionCredential(TENANT, PIPELINE, lambda: statement(subject), **ISSUER)
        return DataverseClient(URL, credential).records.list("msdyn_appconfiguration", top=1)

    equal(len(profiles("repo:contoso/desk:environment:prod")), 1)
    error = refused(ClientAuthenticationError, lambda: profiles("repo:fork/desk:environment:prod"))
    equal("AADSTS700213" in str(error), True)


@check
def a_person_signs_in_with_a_code(_):
    def type_in(page, code, _):
        fields = {"user_code": code, "user": "admin@contoso.com"}
        requests.post(page, data=fields, timeout=10).raise_for_status()

    credential = DeviceCodeCredential(PUBLIC, tenant_id=TENANT, prompt_callback=type_in, **ISSUER)
    equal(len(DataverseClient(URL, credential).records.list("account", top=1)), 1)


# One row


@check
def a_row_is_created_read_updated_and_deleted(client):
    account = client.records.create("account", {"name": "Conformance 1", "numberofemployees": 7})
    equal(str(uuid.UUID(account)), account)
    row = client.records.retrieve("account", account, select=["name", "numberofemployees"])
    equal((row["name"], row["numberofemployees"], row["accountid"]), ("Conformance 1", 7, account))
    client.records.update("account", account, {"name": "Conformance one", "numberofemployees": None})
    row = client.records.retrieve("account", account, select=["name", "numberofemployees"])
    equal((row["name"], row["numberofemployees"]), ("Conformance one", None))
    client.records.delete("account", account)
    equal(client.records.retrieve("account", account), None)


@check
def labels_of_choices_become_numbers(client):
    account = client.records.create("account", {"name": "Conformance label", "industrycode": "Accounting"})
    row = client.records.retrieve("account", account, select=["industrycode"], include_annotations=FORMATTED)
    equal((row["industrycode"], row[f"industrycode@{FORMATTED}"]), (1, "Accounting"))
    client.records.delete("account", account)


@check
def a_client_may_choose_the_key(client):
    chosen = str(uuid.uuid4())
    equal(client.records.create("account", {"accountid": chosen, "name": "Conformance key"}), chosen)
    again = refused(HttpError, lambda: client.records.create("account", {"accountid": chosen, "name": "Again"}))
    equal((again.status_code, again.details["service_error_code"]), (412, "0x80040237"))
    client.records.delete("account", chosen)


@check
def what_is_not_there_is_neither_updated_nor_deleted(client):
    absent = str(uuid.uuid4())
    for call in (
        lambda: client.records.update("account", absent, {"name": "x"}),
        lambda: client.records.delete("account", absent),
    ):
        error = refused(HttpError, call)
        equal((error.status_code, absent in error.message), (404, True))


@check
def texts_that_are_too_long_are_refused_with_their_length(client):
    error = refused(HttpError, lambda: client.records.create("account", {"name": "x" * 161}))
    equal((error.status_code, error.details["service_error_code"]), (400, "0x80044331"))
    equal("'160'" in error.message, True)


@check
def unknown_columns_are_refused(client):
    error = refused(HttpError, lambda: client.records.create("account", {"name": "x", "nonsense": 1}))
    equal(error.status_code, 400)
    error = refused(HttpError, lambda: client.records.list("account", select=["nonsense"]))
    equal(error.status_code, 400)


@check
def unknown_tables_are_refused_from_the_metadata(client):
    refused(MetadataError, lambda: client.records.list("nonsense"))


@check
def texts_survive_as_they_were_sent(client):
    text = 'Ünïcode "quoted" \\ back\nline\ttab 電話 🙂 </script> %27 + &'
    account = client.records.create("account", {"name": "Conformance text", "description": text})
    equal(client.records.retrieve("account", account, select=["description"])["description"], text)
    client.records.delete("account", account)


# Lookups and expansion


@check
def lookups_are_bound_expanded_and_cleared(client):
    contact = client.records.create("contact", {"firstname": "Con", "lastname": "Formance"})
    account = client.records.create(
        "account", {"name": "Conformance lookup", "primarycontactid@odata.bind": f"/contacts({contact})"}
    )
    row = client.records.retrieve("account", account, select=["name"], expand=["primarycontactid"])
    equal(row["primarycontactid"]["lastname"], "Formance")
    row = client.records.retrieve("account", account, select=["_primarycontactid_value"], include_annotations="*")
    equal(row["_primarycontactid_value"], contact)
    equal(row["_primarycontactid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], "contact")
    client.records.update("account", account, {"primarycontactid": None})
    row = client.records.retrieve("account", account, select=["_primarycontactid_value"])
    equal(row["_primarycontactid_value"], None)
    client.records.delete("account", account)
    client.records.delete("contact", contact)


@check
def collections_are_expanded_with_options(client):
    template = client.query.builder("msdyn_appconfiguration").where(col("msdyn_uniquename") == "alex_inbox")
    option = ExpandOption("msdyn_appconfiguration_systemuser").select("domainname")
    rows = template.select("msdyn_uniquename").expand(option).execute()
    equal(len(rows), 1)
    equal([user["domainname"] for user in rows[0]["msdyn_appconfiguration_systemuser"]], ["kim@contoso.com"])


# Many rows


def many(client, prefix, number):
    rows = [{"name": f"{prefix} {index:03}", "numberofemployees": index} for index in range(number)]
    return client.records.create("account", rows)


def clear(client, ids):
    client.records.delete("account", ids, use_bulk_delete=False)


@check
def many_rows_are_created_updated_and_deleted_together(client):
    ids = many(client, "Bulk", 5)
    equal(len(set(ids)), 5)
    client.records.update("account", ids, {"telephone1": "+1"})
    client.records.update("account", ids[:2], [{"telephone1": "+2"}, {"telephone1": "+3"}])
    rows = client.records.list("account", filter="startswith(name,'Bulk')", select=["telephone1"], orderby=["name"])
    equal([row["telephone1"] for row in rows], ["+2", "+3", "+1", "+1", "+1"])
    clear(client, ids)
    equal(len(accounts(client, "Bulk")), 0)


@check
def a_bulk_create_with_one_bad_row_creates_none(client):
    rows = [{"name": "Half 1"}, {"name": "x" * 161}]
    error = refused(HttpError, lambda: client.records.create("account", rows))
    equal(error.status_code, 400)
    equal(len(accounts(client, "Half")), 0)


@check
def pages_are_followed_until_the_last(client):
    ids = many(client, "Paged", 23)
    arguments = {"filter": "startswith(name,'Paged')", "select": ["name"], "orderby": ["name desc"]}
    pages = list(client.records.list_pages("account", page_size=10, **arguments))
    equal([len(page) for page in pages], [10, 10, 3])
    names = [row["name"] for page in pages for row in page]
    equal(names, [f"Paged {index:03}" for index in range(22, -1, -1)])
    equal(len(client.records.list("account", page_size=5, **arguments)), 23)
    clear(client, ids)


@check
def filters_of_every_kind_find_their_rows(client):
    ids = many(client, "O'Filter", 6)
    found = lambda filter: [row["numberofemployees"] for row in client.records.list(
        "account", filter=f"startswith(name,'O''Filter') and ({filter})", select=["numberofemployees"],
        orderby=["numberofemployees"])]
    equal(found("numberofemployees gt 3"), [4, 5])
    equal(found("not (numberofemployees le 3)"), [4, 5])
    equal(found("name eq 'o''filter 002'"), [2])
    equal(found("endswith(name,'5') or contains(name,'004')"), [4, 5])
    equal(found("telephone1 eq null and numberofemployees lt 1"), [0])
    equal(found("Microsoft.Dynamics.CRM.In(PropertyName='numberofemployees',PropertyValues=['1','3'])"), [1, 3])
    equal(found(f"accountid eq {ids[2]}"), [2])
    clear(client, ids)


@check
def the_query_builder_is_understood(client):
    ids = many(client, "Built", 8)
    query = (
        client.query.builder("account")
        .select("name", "numberofemployees", "statecode")
        .where((col("name").like("Built%")) & (col("numberofemployees") >= 2) & (col("statecode") == 0))
        .order_by("numberofemployees", descending=True)
        .include_formatted_values()
        .top(3)
    )
    rows = query.execute()
    equal([row["numberofemployees"] for row in rows], [7, 6, 5])
    equal({row[f"statecode@{FORMATTED}"] for row in rows}, {"Active"})
    either = col("numberofemployees").in_([1, 2])
    rows = client.query.builder("account").where(either & col("name").like("Built%")).execute()
    equal(sorted(row["numberofemployees"] for row in rows), [1, 2])
    clear(client, ids)


@check
def fetchxml_joins_and_pages(client):
    contact = client.records.create("contact", {"firstname": "Fetch", "lastname": "Xml"})
    rows = [
        {"name": f"Fetched {index}", "primarycontactid@odata.bind": f"/contacts({contact})"} for index in range(7)
    ]
    ids = client.records.create("account", rows)
    query = client.query.fetchxml(
        '<fetch count="3"><entity name="account"><attribute name="name"/><order attribute="name"/>'
        '<filter><condition attribute="name" operator="like" value="Fetched%"/></filter>'
        '<link-entity name="contact" from="contactid" to="primarycontactid" alias="c">'
        '<attribute name="lastname"/></link-entity></entity></fetch>'
    )
    pages = list(query.execute_pages())
    equal([len(page) for page in pages], [3, 3, 1])
    rows = [row for page in pages for row in page]
    equal([row["name"] for row in rows], [f"Fetched {index}" for index in range(7)])
    equal({row["c.lastname"] for row in rows}, {"Xml"})
    clear(client, ids)
    client.records.delete("contact", contact)


# Alternate keys


@check
def upserts_by_alternate_key_create_and_then_update(client):
    key = {"msdyn_uniquename": "contoso_conformance_a"}
    record = {"msdyn_name": "A", "msdyn_title": "Customer"}
    fields = lambda: [
        (row["msdyn_uniquename"], row["msdyn_name"])
        for row in client.records.list(
            "msdyn_notificationfield", filter="startswith(msdyn_uniquename,'contoso_conformance')",
            orderby=["msdyn_uniquename"])
    ]
    client.records.upsert("msdyn_notificationfield", [UpsertItem(alternate_key=key, record=record)])
    client.records.upsert("msdyn_notificationfield", [UpsertItem(alternate_key=key, record={"msdyn_name": "A2"})])
    equal(fields(), [("contoso_conformance_a", "A2")])
    client.records.upsert(
        "msdyn_notificationfield",
        [
            UpsertItem(alternate_key=key, record={"msdyn_name": "A3"}),
            UpsertItem(alternate_key={"msdyn_uniquename": "contoso_conformance_b"}, record=record),
        ],
    )
    equal(fields(), [("contoso_conformance_a", "A3"), ("contoso_conformance_b", "A")])
    ids = [
        row["msdyn_notificationfieldid"]
        for row in client.records.list(
            "msdyn_notificationfield", filter="startswith(msdyn_uniquename,'contoso_conformance')")
    ]
    client.records.delete("msdyn_notificationfield", ids, use_bulk_delete=False)


# Batches


@check
def a_batch_answers_every_operation_in_order(client):
    account = client.records.create("account", {"name": "Batch 0"})
    batch = client.batch.new()
    batch.records.create("account", {"name": "Batch 1"})
    batch.records.update("account", account, {"telephone1": "+9"})
    batch.records.retrieve("account", account, select=["telephone1"])
    batch.records.list("account", filter="startswith(name,'Batch')", select=["name"], orderby=["name asc"])
    batch.records.create("account", [{"name": "Batch 2"}, {"name": "Batch 3"}])
    batch.records.delete("account", account)
    answers = batch.execute().responses
    equal([answer.status_code for answer in answers], [204, 204, 200, 200, 200, 204])
    equal(answers[2].data["telephone1"], "+9")
    equal([row["name"] for row in answers[3].data["value"]], ["Batch 0", "Batch 1"])
    clear(client, [answers[0].entity_id, *answers[4].data["Ids"]])


@check
def a_batch_stops_at_the_first_failure_or_goes_on_when_told(client):
    def batch():
        batch = client.batch.new()
        batch.records.create("account", {"name": "Stop 1"})
        batch.records.delete("account", str(uuid.uuid4()))
        batch.records.create("account", {"name": "Stop 2"})
        return batch

    stopped = batch().execute()
    equal([answer.status_code for answer in stopped.responses], [204, 404])
    went_on = batch().execute(continue_on_error=True)
    equal([answer.status_code for answer in went_on.responses], [204, 404, 204])
    rows = accounts(client, "Stop")
    equal([row["name"] for row in rows], ["Stop 1", "Stop 1", "Stop 2"])
    clear(client, [row["accountid"] for row in rows])


@check
def a_changeset_is_kept_whole_with_its_references(client):
    batch = client.batch.new()
    with batch.changeset() as changeset:
        contact = changeset.records.create("contact", {"firstname": "Change", "lastname": "Set"})
        account = changeset.records.create(
            "account", {"name": "Changeset", "primarycontactid@odata.bind": contact}
        )
        changeset.records.update("account", account, {"telephone1": "+5"})
    result = batch.execute()
    equal([answer.status_code for answer in result.responses], [204, 204, 204])
    contact_id, account_id = result.entity_ids[:2]
    row = client.records.retrieve("account", account_id, select=["_primarycontactid_value", "telephone1"])
    equal((row["_primarycontactid_value"], row["telephone1"]), (contact_id, "+5"))
    client.records.delete("account", account_id)
    client.records.delete("contact", contact_id)


@check
def a_changeset_that_fails_leaves_nothing(client):
    batch = client.batch.new()
    with batch.changeset() as changeset:
        changeset.records.create("account", {"name": "Poisoned 1"})
        changeset.records.create("account", {"name": "x" * 161})
        changeset.records.create("account", {"name": "Poisoned 2"})
    result = batch.execute()
    equal([answer.status_code for answer in result.failed], [400])
    equal(result.failed[0].error_code, "0x80044331")
    equal(len(accounts(client, "Poisoned")), 0)


# Metadata


@check
def tables_and_columns_describe_themselves(client):
    table = client.tables.get("msdyn_sessiontemplate")
    equal(table["entity_set_name"], "msdyn_sessiontemplates")
    columns = client.tables.list_columns("account", select=["LogicalName", "AttributeType"])
    types = {column["LogicalName"]: column["AttributeType"] for column in columns}
    equal((types["name"], types["primarycontactid"], types["industrycode"]), ("String", "Lookup", "Picklist"))
    equal(client.tables.get("nonsense"), None)


@check
def relationships_of_a_table_are_listed(client):
    relationships = client.tables.list_table_relationships("msdyn_appconfiguration")
    names = {relationship["SchemaName"] for relationship in relationships}
    equal("msdyn_appconfiguration_systemuser" in names, True)


if __name__ == "__main__":
    run(client_of(ADMINISTRATION))
