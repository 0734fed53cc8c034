// SPDX-License-Identifier: MPL-2.0
// Starts Swagger UI on /docs. A file of its own: the page's policy allows no script inside HTML.
"use strict";

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  oauth2RedirectUrl: new URL("docs/oauth2-redirect", window.location.href).href,
  validatorUrl: null, // the usual one is on the internet
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
});
