// SPDX-License-Identifier: MPL-2.0
// Checks Grafana dashboards with JSON schemas that are made from Grafana's types (dashboard.ts). Usage: node grafana.mjs FILE...
import Ajv from 'ajv';
import fs from 'node:fs';
import { createGenerator } from 'ts-json-schema-generator';

const generator = createGenerator({ path: 'dashboard.ts', tsconfig: 'tsconfig.json' });
const ajv = new Ajv({ allErrors: true, strict: false });
const checks = Object.fromEntries(
  ['Dashboard', 'row', 'stat', 'table', 'timeseries'].map((type) => [type, ajv.compile(generator.createSchema(type))]));

// The problems of a value of the type, each with its place.
function problems(type, value, place) {
  const check = checks[type];
  if (!check) return [`${place}: dashboard.ts knows no panel of the type "${type}"`];
  return check(value) ? [] : check.errors.map((error) => `${place}${error.instancePath}: ${error.message} ${JSON.stringify(error.params)}`);
}

function problemsOfPanels(panels, place) {
  return panels.flatMap(({ panels: inner = [], ...panel }) => {
    const name = `${place}, panel "${panel.title}"`;
    return [...problems(panel.type, panel, name), ...problemsOfPanels(inner, name)];
  });
}

function problemsOfDashboard({ panels, ...dashboard }, place) {
  return [...problems('Dashboard', dashboard, place), ...(panels.length ? problemsOfPanels(panels, place) : [`${place}: no panels`])];
}

// Mistakes that the check must notice.
const mistakes = {
  'a size that is no number': ({ panels }) => (panels[0].gridPos.w = 'wide'),
  'an unknown type of panel': ({ panels }) => (panels[0].type = 'graph'),
  'an option with an unknown value': ({ panels }) => (panels.find(({ type }) => type === 'stat').options.colorMode = 'rainbow'),
  'an unknown member of a field': ({ panels }) => (panels.find(({ type }) => type === 'timeseries').fieldConfig.defaults.custom.lines = true),
  'an unknown member of a query': ({ panels }) => (panels.find(({ type }) => type === 'stat').targets[0].legend = 'x'),
  'a variable without a name': ({ templating }) => delete templating.list[0].name,
};

const found = [];
for (const file of process.argv.slice(2)) {
  const text = fs.readFileSync(file, 'utf8');
  found.push(...problemsOfDashboard(JSON.parse(text), file));
  for (const [name, spoil] of Object.entries(mistakes)) {
    const spoiled = JSON.parse(text);
    spoil(spoiled);
    if (!problemsOfDashboard(spoiled, file).length) found.push(`${file}: the check does not notice ${name}`);
  }
}
for (const problem of found) console.error(problem);
process.exit(found.length ? 1 : 0);
