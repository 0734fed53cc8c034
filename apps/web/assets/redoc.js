// SPDX-License-Identifier: MPL-2.0
// Starts Redoc on /redoc. It is a separate file because the page's security policy forbids inline scripts.
"use strict";

const font = "system-ui, sans-serif"; // the default fonts are on the internet

Redoc.init(
  "openapi.json",
  { theme: { typography: { fontFamily: font, headings: { fontFamily: font } } } },
  document.getElementById("redoc"),
);
