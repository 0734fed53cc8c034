// SPDX-License-Identifier: MPL-2.0
// Starts Redoc on /redoc. A file of its own: the page's policy allows no script inside HTML.
"use strict";

const font = "system-ui, sans-serif"; // the usual ones are on the internet

Redoc.init(
  "openapi.json",
  { theme: { typography: { fontFamily: font, headings: { fontFamily: font } } } },
  document.getElementById("redoc"),
);
