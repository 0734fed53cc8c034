# SPDX-License-Identifier: MPL-2.0
"""The contacts used for measurements. All values of contact n follow from n, so that load generators can compute them:
load.lua and statements.cpp have their own id_of and address.

One third each has amo, fxa and mofo data, all have four newsletters, every fifth is on a waitlist. Contact n was changed n
seconds before NEWEST, so that /updates has something to page through.
"""
import time

NEWEST = 1_700_000_000  # 2023-11-14T22:13:20Z; also in load.lua
NEWSLETTERS = ("app-dev", "hubs", "mozilla-and-you", "take-action-for-the-internet")


def id_of(n):
    return f"{n * 2654435761 % 2**32:08x}-0000-4000-8000-{n:012x}"


def line(n):
    """A contact as a line of `contacts dump`, which `ctms-admin contacts import` accepts with its timestamps."""
    when = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(NEWEST - n))
    times = f'"create_timestamp":"{when}","update_timestamp":"{when}"'
    amo = fxa = mofo = "null"
    if n % 3 == 1:
        amo = (f'{{"add_on_ids":null,"display_name":"User {n}","email_opt_in":false,"language":null,"last_login":null,"location":null,'
               f'"profile_url":null,"user":true,"user_id":"{n}","username":"user{n}",{times}}}')
    elif n % 3 == 2:
        fxa = (f'{{"fxa_id":"{n:032x}","primary_email":"fxa-{n}@example.com","created_date":"2020-01-02T03:04:05.678+00:00",'
               f'"lang":"de,en-US","first_service":"sync","account_deleted":false,{times}}}')
    else:
        mofo = f'{{"mofo_email_id":"me{n}","mofo_contact_id":"mc{n}","mofo_relevant":true}}'
    newsletters = ",".join(f'{{"name":"{name}","subscribed":true,"format":"H","lang":"de",'
                           f'"source":"https://www.mozilla.org/de/newsletter/","unsub_reason":null,{times}}}' for name in NEWSLETTERS)
    waitlists = ""
    if n % 5 == 1:
        waitlists = (r'{"name":"vpn","source":"https://www.mozilla.org/vpn/","fields_text":"{\"geo\":\"de\",\"platform\":\"windows\"}",'
                     f'"subscribed":true,{times}}}')
    return (f'{{"format":"ctms-contact-1","email":{{"primary_email":"contact-{n}@example.com","basket_token":"{id_of(n + 10**9)}",'
            f'"double_opt_in":true,"sfdc_id":"sf{n}","first_name":"First{n}","last_name":"Last{n}","mailing_country":"de",'
            f'"email_format":"H","email_lang":"de","has_opted_out_of_email":false,"unsubscribe_reason":null,'
            f'"email_id":"{id_of(n)}",{times}}},'
            f'"amo":{amo},"fxa":{fxa},"mofo":{mofo},"newsletters":[{newsletters}],"waitlists":[{waitlists}]}}\n')


def write(path, count):
    with open(path, "w", encoding="ascii") as out:
        out.writelines(line(n) for n in range(1, count + 1))
