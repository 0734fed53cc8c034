-- SPDX-License-Identifier: MPL-2.0
-- Fills a migrated database with :contacts contacts that look like real ones: a third each with amo, fxa and mofo data,
-- four newsletters each, every fifth on a waitlist. Ids follow from a number, so that load generators can compute them.
begin;
create function pg_temp.bench_id(n bigint) returns uuid language sql immutable as $$
  select (lpad(to_hex((n * 2654435761) % 4294967296), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid
$$;
insert into emails (email_id, primary_email, basket_token, sfdc_id, first_name, last_name, mailing_country, email_format, email_lang,
                    has_opted_out_of_email, double_opt_in, update_timestamp)
select pg_temp.bench_id(n), 'contact-' || n || '@example.com', pg_temp.bench_id(n + 1000000)::text, 'sf' || n, 'First' || n, 'Last' || n, 'de',
       'H', 'de', false, true, now() - (n || ' seconds')::interval
from generate_series(1, :contacts) n;
insert into amo (email_id, username, user_id, display_name, "user", email_opt_in, update_timestamp)
select pg_temp.bench_id(n), 'user' || n, n::text, 'User ' || n, true, false, now() from generate_series(1, :contacts, 3) n;
insert into fxa (email_id, fxa_id, primary_email, created_date, lang, first_service, account_deleted, update_timestamp)
select pg_temp.bench_id(n), md5('fxa' || n), 'fxa-' || n || '@example.com', '2020-01-02T03:04:05.678+00:00', 'de,en-US', 'sync', false, now()
from generate_series(2, :contacts, 3) n;
insert into mofo (email_id, mofo_email_id, mofo_contact_id, mofo_relevant)
select pg_temp.bench_id(n), 'me' || n, 'mc' || n, true from generate_series(3, :contacts, 3) n;
insert into newsletters (email_id, name, subscribed, format, lang, source, update_timestamp)
select pg_temp.bench_id(n), name, true, 'H', 'de', 'https://www.mozilla.org/de/newsletter/', now()
from generate_series(1, :contacts) n, unnest(array['mozilla-and-you', 'hubs', 'app-dev', 'take-action-for-the-internet']) name;
insert into waitlists (email_id, name, source, fields, update_timestamp)
select pg_temp.bench_id(n), 'vpn', 'https://www.mozilla.org/vpn/', '{"geo":"de","platform":"windows"}', now()
from generate_series(1, :contacts, 5) n;
commit;
vacuum analyze;
checkpoint;
