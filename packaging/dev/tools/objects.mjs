// SPDX-License-Identifier: MPL-2.0
// Checks Kubernetes objects, given as a JSON list on standard input, against the schemas of the Kubernetes API, and prints a
// line for each invalid object. Accepts unknown kinds of operators. Run it in the folder with npm's kubernetes-models.
import { readFileSync } from 'node:fs';

async function modelOf(object) {
  try {
    return (await import(`kubernetes-models/${object.apiVersion}`))[object.kind];
  } catch (error) {
    if (error.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED' && /\w+\.\w+\//.test(object.apiVersion) && !object.apiVersion.includes('.k8s.io/')) return null;
    throw error;
  }
}

for (const object of JSON.parse(readFileSync(0, 'utf8'))) {
  const name = `${object.kind} ${object.metadata?.name}`;
  const Model = await modelOf(object);
  if (Model === undefined) console.log(`${name}: ${object.apiVersion} has no such kind`);
  if (!Model) continue;
  try {
    new Model(object).validate();
  } catch (error) {
    console.log(`${name}: ${error.message}`);
  }
}
