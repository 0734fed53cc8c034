--
-- PostgreSQL database dump
--

-- Dumped from database version 13.16 (Debian 13.16-0+deb11u1)
-- Dumped by pg_dump version 13.16 (Debian 13.16-0+deb11u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: acoustic_field; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.acoustic_field (
    tablename character varying NOT NULL,
    field character varying NOT NULL
);


--
-- Name: acoustic_newsletter_mapping; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.acoustic_newsletter_mapping (
    source character varying NOT NULL,
    destination character varying NOT NULL
);


--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: amo; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.amo (
    id integer NOT NULL,
    email_id uuid NOT NULL,
    add_on_ids character varying(500),
    display_name character varying(255),
    email_opt_in boolean,
    language character varying(5),
    last_login date,
    location character varying(255),
    profile_url character varying(40),
    "user" boolean,
    user_id character varying(40),
    username character varying(100),
    create_timestamp timestamp with time zone DEFAULT now() NOT NULL,
    update_timestamp timestamp with time zone NOT NULL
);


--
-- Name: amo_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.amo_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: amo_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.amo_id_seq OWNED BY public.amo.id;


--
-- Name: api_client; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_client (
    client_id character varying(255) NOT NULL,
    email character varying(255) NOT NULL,
    enabled boolean,
    hashed_secret character varying NOT NULL,
    create_timestamp timestamp with time zone DEFAULT now() NOT NULL,
    update_timestamp timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: emails; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.emails (
    email_id uuid NOT NULL,
    primary_email character varying(255) NOT NULL,
    basket_token character varying(255),
    sfdc_id character varying(255),
    first_name character varying(255),
    last_name character varying(255),
    mailing_country character varying(255),
    email_format character varying(1),
    email_lang character varying(5),
    has_opted_out_of_email boolean,
    unsubscribe_reason text,
    create_timestamp timestamp with time zone DEFAULT now() NOT NULL,
    update_timestamp timestamp with time zone NOT NULL,
    double_opt_in boolean
);


--
-- Name: fxa; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.fxa (
    id integer NOT NULL,
    fxa_id character varying(255),
    email_id uuid NOT NULL,
    primary_email character varying(255),
    created_date character varying(50),
    lang character varying(255),
    first_service character varying(50),
    account_deleted boolean,
    create_timestamp timestamp with time zone DEFAULT now() NOT NULL,
    update_timestamp timestamp with time zone NOT NULL
);


--
-- Name: fxa_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.fxa_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: fxa_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.fxa_id_seq OWNED BY public.fxa.id;


--
-- Name: mofo; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.mofo (
    id integer NOT NULL,
    email_id uuid NOT NULL,
    mofo_email_id character varying(255),
    mofo_contact_id character varying(255),
    mofo_relevant boolean
);


--
-- Name: mofo_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.mofo_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: mofo_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.mofo_id_seq OWNED BY public.mofo.id;


--
-- Name: newsletters; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.newsletters (
    id integer NOT NULL,
    email_id uuid NOT NULL,
    name character varying(255) NOT NULL,
    subscribed boolean,
    format character varying(1),
    lang character varying(5),
    source text,
    unsub_reason text,
    create_timestamp timestamp with time zone DEFAULT now() NOT NULL,
    update_timestamp timestamp with time zone NOT NULL
);


--
-- Name: newsletters_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.newsletters_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: newsletters_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.newsletters_id_seq OWNED BY public.newsletters.id;


--
-- Name: pending_acoustic; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.pending_acoustic (
    id integer NOT NULL,
    email_id uuid NOT NULL,
    retry integer NOT NULL,
    create_timestamp timestamp with time zone DEFAULT now() NOT NULL,
    update_timestamp timestamp with time zone NOT NULL
);


--
-- Name: pending_acoustic_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.pending_acoustic_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: pending_acoustic_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.pending_acoustic_id_seq OWNED BY public.pending_acoustic.id;


--
-- Name: stripe_customer; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.stripe_customer (
    stripe_id character varying(255) NOT NULL,
    default_source_id character varying(255),
    invoice_settings_default_payment_method_id character varying(255),
    stripe_created timestamp with time zone NOT NULL,
    deleted boolean NOT NULL,
    create_timestamp timestamp with time zone DEFAULT now() NOT NULL,
    update_timestamp timestamp with time zone NOT NULL,
    fxa_id character varying(255) NOT NULL
);


--
-- Name: stripe_invoice; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.stripe_invoice (
    stripe_id character varying(255) NOT NULL,
    stripe_customer_id character varying(255) NOT NULL,
    default_payment_method_id character varying(255),
    default_source_id character varying(255),
    stripe_created timestamp with time zone NOT NULL,
    currency character varying(3) NOT NULL,
    total integer NOT NULL,
    status character varying(15) NOT NULL,
    create_timestamp timestamp with time zone DEFAULT now() NOT NULL,
    update_timestamp timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: stripe_invoice_line_item; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.stripe_invoice_line_item (
    stripe_id character varying(255) NOT NULL,
    stripe_invoice_id character varying(255) NOT NULL,
    stripe_type character varying(14) NOT NULL,
    stripe_price_id character varying(255) NOT NULL,
    stripe_invoice_item_id character varying(255),
    stripe_subscription_id character varying(255),
    stripe_subscription_item_id character varying(255),
    amount integer NOT NULL,
    currency character varying(3) NOT NULL,
    create_timestamp timestamp with time zone DEFAULT now() NOT NULL,
    update_timestamp timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: stripe_price; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.stripe_price (
    stripe_id character varying(255) NOT NULL,
    stripe_product_id character varying(255) NOT NULL,
    stripe_created timestamp with time zone NOT NULL,
    active boolean NOT NULL,
    currency character varying(3) NOT NULL,
    recurring_interval character varying(5),
    recurring_interval_count integer,
    unit_amount integer,
    create_timestamp timestamp with time zone DEFAULT now() NOT NULL,
    update_timestamp timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: stripe_subscription; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.stripe_subscription (
    stripe_id character varying(255) NOT NULL,
    stripe_customer_id character varying(255) NOT NULL,
    default_payment_method_id character varying(255),
    default_source_id character varying(255),
    stripe_created timestamp with time zone NOT NULL,
    cancel_at_period_end boolean NOT NULL,
    canceled_at timestamp with time zone,
    current_period_end timestamp with time zone NOT NULL,
    current_period_start timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    start_date timestamp with time zone NOT NULL,
    status character varying(20) NOT NULL,
    create_timestamp timestamp with time zone DEFAULT now() NOT NULL,
    update_timestamp timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: stripe_subscription_item; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.stripe_subscription_item (
    stripe_id character varying(255) NOT NULL,
    stripe_subscription_id character varying(255) NOT NULL,
    stripe_price_id character varying(255) NOT NULL,
    stripe_created timestamp with time zone NOT NULL,
    create_timestamp timestamp with time zone DEFAULT now() NOT NULL,
    update_timestamp timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: waitlists; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.waitlists (
    id integer NOT NULL,
    email_id uuid NOT NULL,
    name character varying(255) NOT NULL,
    source text,
    fields json DEFAULT '{}'::json NOT NULL,
    create_timestamp timestamp with time zone DEFAULT now() NOT NULL,
    update_timestamp timestamp with time zone NOT NULL
);


--
-- Name: waitlists_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.waitlists_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: waitlists_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.waitlists_id_seq OWNED BY public.waitlists.id;


--
-- Name: amo id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.amo ALTER COLUMN id SET DEFAULT nextval('public.amo_id_seq'::regclass);


--
-- Name: fxa id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.fxa ALTER COLUMN id SET DEFAULT nextval('public.fxa_id_seq'::regclass);


--
-- Name: mofo id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mofo ALTER COLUMN id SET DEFAULT nextval('public.mofo_id_seq'::regclass);


--
-- Name: newsletters id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.newsletters ALTER COLUMN id SET DEFAULT nextval('public.newsletters_id_seq'::regclass);


--
-- Name: pending_acoustic id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pending_acoustic ALTER COLUMN id SET DEFAULT nextval('public.pending_acoustic_id_seq'::regclass);


--
-- Name: waitlists id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.waitlists ALTER COLUMN id SET DEFAULT nextval('public.waitlists_id_seq'::regclass);


--
-- Data for Name: acoustic_field; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.acoustic_field VALUES ('main', 'amo_add_on_ids');
INSERT INTO public.acoustic_field VALUES ('main', 'amo_display_name');
INSERT INTO public.acoustic_field VALUES ('main', 'amo_email_opt_in');
INSERT INTO public.acoustic_field VALUES ('main', 'amo_language');
INSERT INTO public.acoustic_field VALUES ('main', 'amo_last_login');
INSERT INTO public.acoustic_field VALUES ('main', 'amo_location');
INSERT INTO public.acoustic_field VALUES ('main', 'amo_profile_url');
INSERT INTO public.acoustic_field VALUES ('main', 'amo_user');
INSERT INTO public.acoustic_field VALUES ('main', 'amo_user_id');
INSERT INTO public.acoustic_field VALUES ('main', 'amo_username');
INSERT INTO public.acoustic_field VALUES ('main', 'basket_token');
INSERT INTO public.acoustic_field VALUES ('main', 'create_timestamp');
INSERT INTO public.acoustic_field VALUES ('main', 'double_opt_in');
INSERT INTO public.acoustic_field VALUES ('main', 'email');
INSERT INTO public.acoustic_field VALUES ('main', 'email_format');
INSERT INTO public.acoustic_field VALUES ('main', 'email_id');
INSERT INTO public.acoustic_field VALUES ('main', 'email_lang');
INSERT INTO public.acoustic_field VALUES ('main', 'first_name');
INSERT INTO public.acoustic_field VALUES ('main', 'fxa_account_deleted');
INSERT INTO public.acoustic_field VALUES ('main', 'fxa_created_date');
INSERT INTO public.acoustic_field VALUES ('main', 'fxa_first_service');
INSERT INTO public.acoustic_field VALUES ('main', 'fxa_id');
INSERT INTO public.acoustic_field VALUES ('main', 'fxa_lang');
INSERT INTO public.acoustic_field VALUES ('main', 'fxa_login_date');
INSERT INTO public.acoustic_field VALUES ('main', 'fxa_primary_email');
INSERT INTO public.acoustic_field VALUES ('main', 'has_opted_out_of_email');
INSERT INTO public.acoustic_field VALUES ('main', 'last_name');
INSERT INTO public.acoustic_field VALUES ('main', 'mailing_country');
INSERT INTO public.acoustic_field VALUES ('main', 'relay_waitlist_geo');
INSERT INTO public.acoustic_field VALUES ('main', 'sfdc_id');
INSERT INTO public.acoustic_field VALUES ('main', 'sumo_contributor');
INSERT INTO public.acoustic_field VALUES ('main', 'sumo_user');
INSERT INTO public.acoustic_field VALUES ('main', 'sumo_username');
INSERT INTO public.acoustic_field VALUES ('main', 'unsubscribe_reason');
INSERT INTO public.acoustic_field VALUES ('main', 'vpn_waitlist_geo');
INSERT INTO public.acoustic_field VALUES ('main', 'vpn_waitlist_platform');


--
-- Data for Name: acoustic_newsletter_mapping; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.acoustic_newsletter_mapping VALUES ('about-mozilla', 'sub_about_mozilla');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('app-dev', 'sub_apps_and_hacks');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('common-voice', 'sub_common_voice');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('firefox-accounts-journey', 'sub_firefox_accounts_journey');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('firefox-news', 'sub_firefox_news');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('firefox-sweepstakes', 'sub_firefox_sweepstakes');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('hubs', 'sub_hubs');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('internet-health-report', 'sub_internet_health_report');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('knowledge-is-power', 'sub_knowledge_is_power');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('miti', 'sub_miti');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('mixed-reality', 'sub_mixed_reality');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('mozilla-and-you', 'sub_firefox_news');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('mozilla-fellowship-awardee-alumni', 'sub_mozilla_fellowship_awardee_alumni');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('mozilla-festival', 'sub_mozilla_festival');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('mozilla-foundation', 'sub_mozilla_foundation');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('mozilla-rally', 'sub_rally');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('mozilla-technology', 'sub_mozilla_technology');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('mozillians-nda', 'sub_mozillians_nda');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('security-privacy-news', 'sub_security_privacy_news');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('take-action-for-the-internet', 'sub_take_action_for_the_internet');
INSERT INTO public.acoustic_newsletter_mapping VALUES ('test-pilot', 'sub_test_pilot');


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES ('4f6c48142631');


--
-- Data for Name: amo; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.amo VALUES (1, '10000000-0000-4000-8000-000000000001', NULL, NULL, NULL, NULL, '2020-02-29', NULL, NULL, NULL, NULL, NULL, '2020-01-01 00:00:00+00', '2020-01-01 00:00:00+00');


--
-- Data for Name: api_client; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: emails; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.emails VALUES ('10000000-0000-4000-8000-000000000001', 'odd@example.com', 'no uuid', NULL, 'Odd''s \ name', NULL, NULL, NULL, NULL, NULL, NULL, '2019-01-01 00:00:00.5+00', '2020-01-01 00:00:00+00', NULL);
INSERT INTO public.emails VALUES ('10000000-0000-4000-8000-000000000002', 'plain@example.com', '2c0ea1a7-3c9a-4b3f-8c5a-5d1b6f0f7a10', NULL, 'Plain', NULL, NULL, 'H', 'en', false, NULL, '2019-01-01 00:00:00+00', '2020-01-02 00:00:00+00', false);


--
-- Data for Name: fxa; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: mofo; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: newsletters; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.newsletters VALUES (1, '10000000-0000-4000-8000-000000000001', 'hubs', true, 'T', 'de', NULL, NULL, '2020-01-01 00:00:00+00', '2020-01-01 00:00:00+00');


--
-- Data for Name: pending_acoustic; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.pending_acoustic VALUES (1, '10000000-0000-4000-8000-000000000001', 0, '2020-01-01 00:00:00+00', '2020-01-01 00:00:00+00');
INSERT INTO public.pending_acoustic VALUES (2, '10000000-0000-4000-8000-000000000001', 4, '2020-01-02 00:00:00+00', '2020-01-03 00:00:00+00');


--
-- Data for Name: stripe_customer; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: stripe_invoice; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: stripe_invoice_line_item; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: stripe_price; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: stripe_subscription; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: stripe_subscription_item; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: waitlists; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.waitlists VALUES (1, '10000000-0000-4000-8000-000000000001', 'vpn', NULL, '{"geo": "caf\u00e9"}', '2020-01-01 00:00:00+00', '2020-01-01 00:00:00+00');


--
-- Name: amo_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.amo_id_seq', 1, true);


--
-- Name: fxa_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.fxa_id_seq', 1, false);


--
-- Name: mofo_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.mofo_id_seq', 1, false);


--
-- Name: newsletters_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.newsletters_id_seq', 1, true);


--
-- Name: pending_acoustic_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.pending_acoustic_id_seq', 2, true);


--
-- Name: waitlists_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.waitlists_id_seq', 1, true);


--
-- Name: acoustic_newsletter_mapping acoustic_newsletter_mapping_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.acoustic_newsletter_mapping
    ADD CONSTRAINT acoustic_newsletter_mapping_pkey PRIMARY KEY (source);


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: amo amo_email_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.amo
    ADD CONSTRAINT amo_email_id_key UNIQUE (email_id);


--
-- Name: amo amo_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.amo
    ADD CONSTRAINT amo_pkey PRIMARY KEY (id);


--
-- Name: api_client api_client_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_client
    ADD CONSTRAINT api_client_pkey PRIMARY KEY (client_id);


--
-- Name: emails emails_basket_token_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.emails
    ADD CONSTRAINT emails_basket_token_key UNIQUE (basket_token);


--
-- Name: emails emails_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.emails
    ADD CONSTRAINT emails_pkey PRIMARY KEY (email_id);


--
-- Name: emails emails_primary_email_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.emails
    ADD CONSTRAINT emails_primary_email_key UNIQUE (primary_email);


--
-- Name: fxa fxa_email_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.fxa
    ADD CONSTRAINT fxa_email_id_key UNIQUE (email_id);


--
-- Name: fxa fxa_fxa_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.fxa
    ADD CONSTRAINT fxa_fxa_id_key UNIQUE (fxa_id);


--
-- Name: fxa fxa_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.fxa
    ADD CONSTRAINT fxa_pkey PRIMARY KEY (id);


--
-- Name: mofo mofo_email_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mofo
    ADD CONSTRAINT mofo_email_id_key UNIQUE (email_id);


--
-- Name: mofo mofo_mofo_email_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mofo
    ADD CONSTRAINT mofo_mofo_email_id_key UNIQUE (mofo_email_id);


--
-- Name: mofo mofo_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mofo
    ADD CONSTRAINT mofo_pkey PRIMARY KEY (id);


--
-- Name: newsletters newsletters_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.newsletters
    ADD CONSTRAINT newsletters_pkey PRIMARY KEY (id);


--
-- Name: pending_acoustic pending_acoustic_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pending_acoustic
    ADD CONSTRAINT pending_acoustic_pkey PRIMARY KEY (id);


--
-- Name: acoustic_field pk_tablename_field; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.acoustic_field
    ADD CONSTRAINT pk_tablename_field PRIMARY KEY (tablename, field);


--
-- Name: stripe_customer stripe_customer_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_customer
    ADD CONSTRAINT stripe_customer_pkey PRIMARY KEY (stripe_id);


--
-- Name: stripe_invoice_line_item stripe_invoice_line_item_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_invoice_line_item
    ADD CONSTRAINT stripe_invoice_line_item_pkey PRIMARY KEY (stripe_id);


--
-- Name: stripe_invoice stripe_invoice_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_invoice
    ADD CONSTRAINT stripe_invoice_pkey PRIMARY KEY (stripe_id);


--
-- Name: stripe_price stripe_price_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_price
    ADD CONSTRAINT stripe_price_pkey PRIMARY KEY (stripe_id);


--
-- Name: stripe_subscription_item stripe_subscription_item_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_subscription_item
    ADD CONSTRAINT stripe_subscription_item_pkey PRIMARY KEY (stripe_id);


--
-- Name: stripe_subscription stripe_subscription_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_subscription
    ADD CONSTRAINT stripe_subscription_pkey PRIMARY KEY (stripe_id);


--
-- Name: newsletters uix_email_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.newsletters
    ADD CONSTRAINT uix_email_name UNIQUE (email_id, name);


--
-- Name: waitlists uix_wl_email_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.waitlists
    ADD CONSTRAINT uix_wl_email_name UNIQUE (email_id, name);


--
-- Name: waitlists waitlists_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.waitlists
    ADD CONSTRAINT waitlists_pkey PRIMARY KEY (id);


--
-- Name: bulk_read_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX bulk_read_index ON public.emails USING btree (update_timestamp, email_id);


--
-- Name: idx_email_primary_email_lower; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idx_email_primary_email_lower ON public.emails USING btree (lower((primary_email)::text));


--
-- Name: idx_fxa_primary_email_lower; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idx_fxa_primary_email_lower ON public.fxa USING btree (lower((primary_email)::text));


--
-- Name: ix_amo_user_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_amo_user_id ON public.amo USING btree (user_id);


--
-- Name: ix_emails_sfdc_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_emails_sfdc_id ON public.emails USING btree (sfdc_id);


--
-- Name: ix_fxa_primary_email; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_fxa_primary_email ON public.fxa USING btree (primary_email);


--
-- Name: ix_mofo_mofo_contact_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_mofo_mofo_contact_id ON public.mofo USING btree (mofo_contact_id);


--
-- Name: ix_stripe_customer_fxa_id; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX ix_stripe_customer_fxa_id ON public.stripe_customer USING btree (fxa_id);


--
-- Name: ix_stripe_invoice_line_item_stripe_invoice_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_stripe_invoice_line_item_stripe_invoice_id ON public.stripe_invoice_line_item USING btree (stripe_invoice_id);


--
-- Name: ix_stripe_invoice_line_item_stripe_price_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_stripe_invoice_line_item_stripe_price_id ON public.stripe_invoice_line_item USING btree (stripe_price_id);


--
-- Name: amo amo_email_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.amo
    ADD CONSTRAINT amo_email_id_fkey FOREIGN KEY (email_id) REFERENCES public.emails(email_id);


--
-- Name: fxa fxa_email_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.fxa
    ADD CONSTRAINT fxa_email_id_fkey FOREIGN KEY (email_id) REFERENCES public.emails(email_id);


--
-- Name: mofo mofo_email_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mofo
    ADD CONSTRAINT mofo_email_id_fkey FOREIGN KEY (email_id) REFERENCES public.emails(email_id);


--
-- Name: newsletters newsletters_email_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.newsletters
    ADD CONSTRAINT newsletters_email_id_fkey FOREIGN KEY (email_id) REFERENCES public.emails(email_id);


--
-- Name: pending_acoustic pending_acoustic_email_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pending_acoustic
    ADD CONSTRAINT pending_acoustic_email_id_fkey FOREIGN KEY (email_id) REFERENCES public.emails(email_id);


--
-- Name: stripe_invoice_line_item stripe_invoice_line_item_stripe_invoice_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_invoice_line_item
    ADD CONSTRAINT stripe_invoice_line_item_stripe_invoice_id_fkey FOREIGN KEY (stripe_invoice_id) REFERENCES public.stripe_invoice(stripe_id);


--
-- Name: stripe_invoice_line_item stripe_invoice_line_item_stripe_price_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_invoice_line_item
    ADD CONSTRAINT stripe_invoice_line_item_stripe_price_id_fkey FOREIGN KEY (stripe_price_id) REFERENCES public.stripe_price(stripe_id);


--
-- Name: stripe_subscription_item stripe_subscription_item_stripe_price_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_subscription_item
    ADD CONSTRAINT stripe_subscription_item_stripe_price_id_fkey FOREIGN KEY (stripe_price_id) REFERENCES public.stripe_price(stripe_id);


--
-- Name: stripe_subscription_item stripe_subscription_item_stripe_subscription_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_subscription_item
    ADD CONSTRAINT stripe_subscription_item_stripe_subscription_id_fkey FOREIGN KEY (stripe_subscription_id) REFERENCES public.stripe_subscription(stripe_id);


--
-- Name: waitlists waitlists_email_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.waitlists
    ADD CONSTRAINT waitlists_email_id_fkey FOREIGN KEY (email_id) REFERENCES public.emails(email_id);


--
-- PostgreSQL database dump complete
--

