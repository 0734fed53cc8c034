// SPDX-License-Identifier: MPL-2.0
// Uses the API's pages of a running ctms-web in a browser as a reader would, and checks its OpenAPI document with a public
// validator. Started by run.sh, which sets the environment: BASE_URL, CLIENT_ID, CLIENT_SECRET, CHROMIUM, OUTPUT.
import assert from "node:assert/strict";
import path from "node:path";
import SwaggerParser from "@apidevtools/swagger-parser";
import { chromium } from "playwright-core";

const { BASE_URL: base, CLIENT_ID: clientId, CLIENT_SECRET: secret, CHROMIUM: program, OUTPUT: output } = process.env;
const patience = 120_000; // milliseconds per step: a busy machine takes half a minute to render Redoc

async function documentIsValid() {
  const document = await (await fetch(`${base}/openapi.json`)).json();
  await SwaggerParser.validate(structuredClone(document));
  return `${Object.keys(document.paths).length} paths, ${Object.keys(document.components.schemas).length} schemas`;
}

// Runs steps on a page that records requests and errors, in a browser that can reach only the server.
async function inBrowser(browser, name, steps) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 1600 } });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  const urls = [];
  const problems = [];
  page.on("request", (request) => urls.push(request.url()));
  page.on("requestfailed", (request) => problems.push(`${request.url()} failed: ${request.failure()?.errorText}`));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  try {
    await steps(page);
  } finally {
    await page.screenshot({ path: path.join(output, `${name}.png`) }).catch(() => {});
    await context.close();
  }
  const foreign = urls.filter((url) => !url.startsWith(`${base}/`) && !/^(data|blob):/.test(url));
  assert.deepEqual(foreign, [], "everything comes from the server itself");
  assert.deepEqual(problems, [], "no failed requests, no script errors, nothing blocked by the page's policy");
  return `${urls.length} requests, all to the server itself`;
}

async function signIn(page) {
  await page.locator(".auth-wrapper .authorize").first().click();
  await page.locator('input[data-name="clientId"]').fill(clientId);
  await page.locator('input[data-name="clientSecret"]').fill(secret);
  await page.getByRole("button", { name: "Apply given OAuth2 credentials" }).click();
  await page.locator(".modal-ux .auth-btn-wrapper button", { hasText: "Logout" }).first().waitFor();
  await page.locator(".modal-ux .btn-done").first().click();
}

// Opens a call, fills in its parameters, sends it, and returns the status and text of the answer.
async function tryCall(page, id, parameters = {}) {
  const call = page.locator(`[id^="operations-"][id$="-${id}"]`);
  await call.locator(".opblock-summary-control").click();
  for (const [name, value] of Object.entries(parameters)) {
    await call.locator(`tr[data-param-name="${name}"] input`).fill(value);
  }
  await call.locator(".execute").click();
  const row = call.locator(".live-responses-table tbody tr.response").first();
  await row.waitFor();
  return {
    status: (await row.locator(".response-col_status").innerText()).trim().slice(0, 3),
    text: await row.innerText(),
  };
}

async function docsCanBeTried(page) {
  await page.goto(`${base}/`); // redirects to /docs
  await page.locator(".opblock").first().waitFor();
  assert.equal(new URL(page.url()).pathname, "/docs");
  await signIn(page);
  assert.equal((await tryCall(page, "post_ctms")).status, "201", "the example can be sent unchanged");
  const found = await tryCall(page, "get_ctms", { primary_email: "jane@example.com" });
  assert.equal(found.status, "200");
  assert.match(found.text, /jane@example\.com/);
  await page.locator("#operations-Contacts-get_ctms").scrollIntoViewIfNeeded();
}

async function redocRenders(page) {
  await page.goto(`${base}/redoc`);
  await page.locator("h2", { hasText: "Create a contact" }).waitFor();
  await page.locator('input[placeholder^="Search"]').fill("identities"); // the search runs in a worker
  await page.locator('[data-role="search:results"] li').first().waitFor();
}

const browser = await chromium.launch({
  executablePath: program,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"],
});
let failed = 0;
try {
  const checks = [
    ["the document is valid OpenAPI", documentIsValid],
    ["/docs: sign in and try calls", () => inBrowser(browser, "docs", docsCanBeTried)],
    ["/redoc: renders and searches", () => inBrowser(browser, "redoc", redocRenders)],
  ];
  for (const [name, check] of checks) {
    try {
      console.log(`ok: ${name} (${await check()})`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED: ${name}: ${error.stack}`);
    }
  }
} finally {
  await browser.close();
}
process.exitCode = failed === 0 ? 0 : 1;
