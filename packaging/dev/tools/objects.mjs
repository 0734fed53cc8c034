// SPDX-License-Identifier: MPL-2.0
// Checks Kubernetes objects, given as a JSON list on standard input, against the schemas of the Kubernetes API and of the operators
// below, and prints a line for each invalid object. Run it in the folder with npm's kubernetes-models.
import { readFileSync } from 'node:fs';

const operators = {
  'external-secrets.io': 'external-secrets',
  'gateway.networking.k8s.io': 'gateway-api',
  'monitoring.coreos.com': 'prometheus-operator',
  'toolkit.fluxcd.io': 'flux-cd',
};

async function modelOf(object) {
  const operator = Object.keys(operators).find((group) => object.apiVersion.split('/')[0].endsWith(group));
  const models = operator ? `@kubernetes-models/${operators[operator]}` : 'kubernetes-models';
  try {
    return (await import(`${models}/${object.apiVersion}`))[object.kind];
  } catch (error) {
    if (['ERR_PACKAGE_PATH_NOT_EXPORTED', 'ERR_MODULE_NOT_FOUND'].includes(error.code)) return undefined;
    throw error;
  }
}

for (const object of JSON.parse(readFileSync(0, 'utf8'))) {
  const name = `${object.kind} ${object.metadata?.name}`;
  const Model = await modelOf(object);
  if (Model === undefined) {
    console.log(`${name}: ${object.apiVersion} has no such kind, or its schema is unknown here`);
    continue;
  }
  try {
    new Model(object).validate();
  } catch (error) {
    console.log(`${name}: ${error.message}`);
  }
}
