-- SPDX-License-Identifier: MPL-2.0
-- The schema of the reference service at its revision 4f6c48142631, to the last name, so that both can use
-- one database. Never change this file: what comes later comes in later files.

create table alembic_version (
    version_num varchar(32) not null,
    constraint alembic_version_pkc primary key (version_num)
);

create table acoustic_field (
    tablename varchar not null,
    field varchar not null,
    constraint pk_tablename_field primary key (tablename, field)
);

create table acoustic_newsletter_mapping (
    source varchar not null,
    destination varchar not null,
    constraint acoustic_newsletter_mapping_pkey primary key (source)
);

create table api_client (
    client_id varchar(255) not null,
    email varchar(255) not null,
    enabled boolean,
    hashed_secret varchar not null,
    create_timestamp timestamptz not null default now(),
    update_timestamp timestamptz not null default now(),
    constraint api_client_pkey primary key (client_id)
);

create table emails (
    email_id uuid not null,
    primary_email varchar(255) not null,
    basket_token varchar(255),
    sfdc_id varchar(255),
    first_name varchar(255),
    last_name varchar(255),
    mailing_country varchar(255),
    email_format varchar(1),
    email_lang varchar(5),
    has_opted_out_of_email boolean,
    unsubscribe_reason text,
    create_timestamp timestamptz not null default now(),
    update_timestamp timestamptz not null,
    double_opt_in boolean,
    constraint emails_pkey primary key (email_id),
    constraint emails_basket_token_key unique (basket_token),
    constraint emails_primary_email_key unique (primary_email)
);
create index bulk_read_index on emails (update_timestamp, email_id);
create index idx_email_primary_email_lower on emails (lower(primary_email));
create index ix_emails_sfdc_id on emails (sfdc_id);

create table amo (
    id serial,
    email_id uuid not null,
    add_on_ids varchar(500),
    display_name varchar(255),
    email_opt_in boolean,
    language varchar(5),
    last_login date,
    location varchar(255),
    profile_url varchar(40),
    "user" boolean,
    user_id varchar(40),
    username varchar(100),
    create_timestamp timestamptz not null default now(),
    update_timestamp timestamptz not null,
    constraint amo_pkey primary key (id),
    constraint amo_email_id_fkey foreign key (email_id) references emails (email_id),
    constraint amo_email_id_key unique (email_id)
);
create index ix_amo_user_id on amo (user_id);

create table fxa (
    id serial,
    fxa_id varchar(255),
    email_id uuid not null,
    primary_email varchar(255),
    created_date varchar(50),
    lang varchar(255),
    first_service varchar(50),
    account_deleted boolean,
    create_timestamp timestamptz not null default now(),
    update_timestamp timestamptz not null,
    constraint fxa_pkey primary key (id),
    constraint fxa_email_id_fkey foreign key (email_id) references emails (email_id),
    constraint fxa_email_id_key unique (email_id),
    constraint fxa_fxa_id_key unique (fxa_id)
);
create index idx_fxa_primary_email_lower on fxa (lower(primary_email));
create index ix_fxa_primary_email on fxa (primary_email);

create table mofo (
    id serial,
    email_id uuid not null,
    mofo_email_id varchar(255),
    mofo_contact_id varchar(255),
    mofo_relevant boolean,
    constraint mofo_pkey primary key (id),
    constraint mofo_email_id_fkey foreign key (email_id) references emails (email_id),
    constraint mofo_email_id_key unique (email_id),
    constraint mofo_mofo_email_id_key unique (mofo_email_id)
);
create index ix_mofo_mofo_contact_id on mofo (mofo_contact_id);

create table newsletters (
    id serial,
    email_id uuid not null,
    name varchar(255) not null,
    subscribed boolean,
    format varchar(1),
    lang varchar(5),
    source text,
    unsub_reason text,
    create_timestamp timestamptz not null default now(),
    update_timestamp timestamptz not null,
    constraint newsletters_pkey primary key (id),
    constraint newsletters_email_id_fkey foreign key (email_id) references emails (email_id),
    constraint uix_email_name unique (email_id, name)
);

create table waitlists (
    id serial,
    email_id uuid not null,
    name varchar(255) not null,
    source text,
    fields json not null default '{}',
    create_timestamp timestamptz not null default now(),
    update_timestamp timestamptz not null,
    constraint waitlists_pkey primary key (id),
    constraint uix_wl_email_name unique (email_id, name),
    constraint waitlists_email_id_fkey foreign key (email_id) references emails (email_id)
);

create table pending_acoustic (
    id serial,
    email_id uuid not null,
    retry integer not null,
    create_timestamp timestamptz not null default now(),
    update_timestamp timestamptz not null,
    constraint pending_acoustic_pkey primary key (id),
    constraint pending_acoustic_email_id_fkey foreign key (email_id) references emails (email_id)
);

create table stripe_customer (
    stripe_id varchar(255) not null,
    default_source_id varchar(255),
    invoice_settings_default_payment_method_id varchar(255),
    stripe_created timestamptz not null,
    deleted boolean not null,
    create_timestamp timestamptz not null default now(),
    update_timestamp timestamptz not null,
    fxa_id varchar(255) not null,
    constraint stripe_customer_pkey primary key (stripe_id)
);
create unique index ix_stripe_customer_fxa_id on stripe_customer (fxa_id);

create table stripe_price (
    stripe_id varchar(255) not null,
    stripe_product_id varchar(255) not null,
    stripe_created timestamptz not null,
    active boolean not null,
    currency varchar(3) not null,
    recurring_interval varchar(5),
    recurring_interval_count integer,
    unit_amount integer,
    create_timestamp timestamptz not null default now(),
    update_timestamp timestamptz not null default now(),
    constraint stripe_price_pkey primary key (stripe_id)
);

create table stripe_invoice (
    stripe_id varchar(255) not null,
    stripe_customer_id varchar(255) not null,
    default_payment_method_id varchar(255),
    default_source_id varchar(255),
    stripe_created timestamptz not null,
    currency varchar(3) not null,
    total integer not null,
    status varchar(15) not null,
    create_timestamp timestamptz not null default now(),
    update_timestamp timestamptz not null default now(),
    constraint stripe_invoice_pkey primary key (stripe_id)
);

create table stripe_invoice_line_item (
    stripe_id varchar(255) not null,
    stripe_invoice_id varchar(255) not null,
    stripe_type varchar(14) not null,
    stripe_price_id varchar(255) not null,
    stripe_invoice_item_id varchar(255),
    stripe_subscription_id varchar(255),
    stripe_subscription_item_id varchar(255),
    amount integer not null,
    currency varchar(3) not null,
    create_timestamp timestamptz not null default now(),
    update_timestamp timestamptz not null default now(),
    constraint stripe_invoice_line_item_pkey primary key (stripe_id),
    constraint stripe_invoice_line_item_stripe_invoice_id_fkey foreign key (stripe_invoice_id) references stripe_invoice (stripe_id),
    constraint stripe_invoice_line_item_stripe_price_id_fkey foreign key (stripe_price_id) references stripe_price (stripe_id)
);
create index ix_stripe_invoice_line_item_stripe_invoice_id on stripe_invoice_line_item (stripe_invoice_id);
create index ix_stripe_invoice_line_item_stripe_price_id on stripe_invoice_line_item (stripe_price_id);

create table stripe_subscription (
    stripe_id varchar(255) not null,
    stripe_customer_id varchar(255) not null,
    default_payment_method_id varchar(255),
    default_source_id varchar(255),
    stripe_created timestamptz not null,
    cancel_at_period_end boolean not null,
    canceled_at timestamptz,
    current_period_end timestamptz not null,
    current_period_start timestamptz not null,
    ended_at timestamptz,
    start_date timestamptz not null,
    status varchar(20) not null,
    create_timestamp timestamptz not null default now(),
    update_timestamp timestamptz not null default now(),
    constraint stripe_subscription_pkey primary key (stripe_id)
);

create table stripe_subscription_item (
    stripe_id varchar(255) not null,
    stripe_subscription_id varchar(255) not null,
    stripe_price_id varchar(255) not null,
    stripe_created timestamptz not null,
    create_timestamp timestamptz not null default now(),
    update_timestamp timestamptz not null default now(),
    constraint stripe_subscription_item_pkey primary key (stripe_id),
    constraint stripe_subscription_item_stripe_price_id_fkey foreign key (stripe_price_id) references stripe_price (stripe_id),
    constraint stripe_subscription_item_stripe_subscription_id_fkey foreign key (stripe_subscription_id) references stripe_subscription (stripe_id)
);

insert into alembic_version (version_num) values ('4f6c48142631');

insert into acoustic_field (tablename, field) values
    ('main', 'amo_add_on_ids'),
    ('main', 'amo_display_name'),
    ('main', 'amo_email_opt_in'),
    ('main', 'amo_language'),
    ('main', 'amo_last_login'),
    ('main', 'amo_location'),
    ('main', 'amo_profile_url'),
    ('main', 'amo_user'),
    ('main', 'amo_user_id'),
    ('main', 'amo_username'),
    ('main', 'basket_token'),
    ('main', 'create_timestamp'),
    ('main', 'double_opt_in'),
    ('main', 'email'),
    ('main', 'email_format'),
    ('main', 'email_id'),
    ('main', 'email_lang'),
    ('main', 'first_name'),
    ('main', 'fxa_account_deleted'),
    ('main', 'fxa_created_date'),
    ('main', 'fxa_first_service'),
    ('main', 'fxa_id'),
    ('main', 'fxa_lang'),
    ('main', 'fxa_login_date'),
    ('main', 'fxa_primary_email'),
    ('main', 'has_opted_out_of_email'),
    ('main', 'last_name'),
    ('main', 'mailing_country'),
    ('main', 'relay_waitlist_geo'),
    ('main', 'sfdc_id'),
    ('main', 'sumo_contributor'),
    ('main', 'sumo_user'),
    ('main', 'sumo_username'),
    ('main', 'unsubscribe_reason'),
    ('main', 'vpn_waitlist_geo'),
    ('main', 'vpn_waitlist_platform');

insert into acoustic_newsletter_mapping (source, destination) values
    ('about-mozilla', 'sub_about_mozilla'),
    ('app-dev', 'sub_apps_and_hacks'),
    ('common-voice', 'sub_common_voice'),
    ('firefox-accounts-journey', 'sub_firefox_accounts_journey'),
    ('firefox-news', 'sub_firefox_news'),
    ('firefox-sweepstakes', 'sub_firefox_sweepstakes'),
    ('hubs', 'sub_hubs'),
    ('internet-health-report', 'sub_internet_health_report'),
    ('knowledge-is-power', 'sub_knowledge_is_power'),
    ('miti', 'sub_miti'),
    ('mixed-reality', 'sub_mixed_reality'),
    ('mozilla-and-you', 'sub_firefox_news'),
    ('mozilla-fellowship-awardee-alumni', 'sub_mozilla_fellowship_awardee_alumni'),
    ('mozilla-festival', 'sub_mozilla_festival'),
    ('mozilla-foundation', 'sub_mozilla_foundation'),
    ('mozilla-rally', 'sub_rally'),
    ('mozilla-technology', 'sub_mozilla_technology'),
    ('mozillians-nda', 'sub_mozillians_nda'),
    ('security-privacy-news', 'sub_security_privacy_news'),
    ('take-action-for-the-internet', 'sub_take_action_for_the_internet'),
    ('test-pilot', 'sub_test_pilot');
