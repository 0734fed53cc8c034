# SPDX-License-Identifier: MPL-2.0
"""Drives a contact's life through the generated Python client."""
import os
import sys
import uuid

import openapi_client as ctms

base = os.environ["BASE_URL"]


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"life.py: {what}: expected {wanted!r}, got {got!r}")


def failure(call, *arguments, **named):
    """Returns the status of a call that fails."""
    try:
        call(*arguments, **named)
    except ctms.ApiException as problem:
        return problem.status
    return None


settings = ctms.Configuration(host=base)
with ctms.ApiClient(settings) as anonymous:
    token = ctms.AccessApi(anonymous).post_token(grant_type="client_credentials", client_id=os.environ["CLIENT_ID"],
                                                 client_secret=os.environ["CLIENT_SECRET"])
    expect("kind of token", token.token_type, "bearer")
    expect("call without a token", failure(ctms.ContactsApi(anonymous).get_ctms_email_id, str(uuid.uuid4())), 401)

settings.access_token = token.access_token
with ctms.ApiClient(settings) as client:
    contacts = ctms.ContactsApi(client)
    email_id, address = str(uuid.uuid4()), "generated-python@example.com"
    new = ctms.ContactInSchema(email=ctms.EmailInSchema(email_id=email_id, primary_email=address, first_name="Jane"),
                               newsletters=[ctms.NewsletterBase(name="tips")])
    made, status, headers = contacts.post_ctms_with_http_info(new)
    expect("status of the creation", status, 201)
    expect("address", made.email.primary_email, address)
    expect("newsletter", [one.name for one in made.newsletters], ["tips"])
    expect("place", headers["Location"], f"/ctms/{email_id}")
    expect("status of the same again", contacts.post_ctms_with_http_info(new)[1], 200)
    other = ctms.ContactInSchema(email=ctms.EmailInSchema(primary_email=address))
    expect("the address again", failure(contacts.post_ctms, other), 409)
    changed = contacts.patch_ctms_email_id(email_id, ctms.ContactPatchSchema(email=ctms.EmailPatchSchema(first_name="Janet")))
    expect("first name", changed.email.first_name, "Janet")
    expect("lookup", [one.email.email_id for one in contacts.get_ctms(primary_email=address)], [email_id])
    expect("lookup without ids", failure(contacts.get_ctms), 400)
    expect("ids", contacts.get_identity_email_id(email_id).primary_email, address)
    whole = ctms.ContactPutSchema(email=ctms.EmailPutSchema(email_id=email_id, primary_email=address))
    expect("status of the replacement", contacts.put_ctms_email_id_with_http_info(email_id, whole)[1], 201)
    expect("first name", contacts.get_ctms_email_id(email_id).email.first_name, None)
    changes = ctms.ChangesApi(client)
    expect("updates", [one.email.email_id for one in changes.get_updates(start="2020-01-01T00:00:00+00:00").items], [email_id])
    feed = changes.get_changes(include="contact")
    expect("changes", [one.email_id for one in feed.items], [email_id])
    expect("deletion", [one.email_id for one in contacts.delete_ctms_primary_email(address)], [email_id])
    expect("deleted contact", failure(contacts.get_ctms_email_id, email_id), 404)
    expect("deletion in the feed", [one.change for one in changes.get_changes(after=feed.next).items], ["deleted"])
print("life.py: the generated Python client works")
