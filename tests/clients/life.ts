// SPDX-License-Identifier: MPL-2.0
// Drives a contact's life through openapi-fetch with the types that were generated from the API's document.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { env: Record<string, string | undefined>; exit(code: number): never };

function expect(what: string, got: unknown, wanted: unknown): void {
  if (JSON.stringify(got) === JSON.stringify(wanted)) return;
  console.log(`life.ts: ${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);
  process.exit(1);
}

const baseUrl = process.env["BASE_URL"] ?? "";
const form = { client_id: process.env["CLIENT_ID"] ?? "", client_secret: process.env["CLIENT_SECRET"] ?? "" };
const anonymous = createClient<paths>({ baseUrl });
const token = await anonymous.POST("/token", {
  body: { grant_type: "client_credentials", ...form },
  headers: { "Content-Type": "application/x-www-form-urlencoded" },
  bodySerializer: (body) => new URLSearchParams(body as Record<string, string>).toString(),
});
expect("kind of token", token.data?.token_type, "bearer");

const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token.data?.access_token}` } });
const email_id = crypto.randomUUID();
const primary_email = "generated-typescript@example.com";
const contact: components["schemas"]["ContactInSchema"] = {
  email: { email_id, primary_email, first_name: "Jane" },
  newsletters: [{ name: "tips" }],
};
const path = { path: { email_id } };

expect("call without a token", (await anonymous.GET("/ctms/{email_id}", { params: path })).response.status, 401);
const made = await client.POST("/ctms", { body: contact });
expect("status of the creation", made.response.status, 201);
expect("place", made.response.headers.get("Location"), `/ctms/${email_id}`);
expect("newsletter", made.data?.newsletters.map((one) => one.name), ["tips"]);
expect("status of the same again", (await client.POST("/ctms", { body: contact })).response.status, 200);
const taken = await client.POST("/ctms", { body: { email: { primary_email } } });
expect("the address again", taken.response.status, 409);
const changed = await client.PATCH("/ctms/{email_id}", { params: path, body: { email: { first_name: "Janet" }, newsletters: "UNSUBSCRIBE" } });
expect("first name", changed.data?.email.first_name, "Janet");
expect("newsletter", changed.data?.newsletters.map((one) => one.subscribed), [false]);
const found = await client.GET("/ctms", { params: { query: { primary_email } } });
expect("lookup", found.data?.map((one) => one.email.email_id), [email_id]);
const replaced = await client.PUT("/ctms/{email_id}", { params: path, body: { email: { email_id, primary_email } } });
expect("status of the replacement", replaced.response.status, 201);
expect("first name", (await client.GET("/ctms/{email_id}", { params: path })).data?.email.first_name, null);
const feed = await client.GET("/changes", { params: { query: { include: "contact" } } });
const page = feed.data as components["schemas"]["ChangesResponse"]; // the call could also answer lines
expect("changes", page.items.map((one) => one.email_id).includes(email_id), true);
const removed = await client.DELETE("/ctms/{primary_email}", { params: { path: { primary_email } } });
expect("deletion", removed.data?.map((one) => one.email_id), [email_id]);
expect("deleted contact", (await client.GET("/ctms/{email_id}", { params: path })).response.status, 404);
console.log("life.ts: the generated TypeScript client works");
