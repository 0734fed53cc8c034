// SPDX-License-Identifier: MPL-2.0
// Starts Swagger UI on /docs. It is a separate file because the page's security policy forbids inline scripts.
"use strict";

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  oauth2RedirectUrl: new URL("docs/oauth2-redirect", window.location.href).href,
  validatorUrl: null, // the default validator is on the internet
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
});
