// SPDX-License-Identifier: MPL-2.0
// Kubernetes' objects, a list in JSON on standard input, against the schemas of its API: prints a line for each object that
// they refuse. Kinds of operators are not known here and pass. Run in the folder where npm put kubernetes-models.
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
