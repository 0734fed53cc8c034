// SPDX-License-Identifier: MPL-2.0
// Reads the paths of Terraform files as a JSON list on standard input, and prints an object with the content of each file by path.
// Fails on files that are not HCL. Run it in the folder with npm's @cdktf/hcl2json.
import { readFileSync } from 'node:fs';
import { parse } from '@cdktf/hcl2json';

const out = {};
for (const path of JSON.parse(readFileSync(0, 'utf8'))) out[path] = await parse(path, readFileSync(path, 'utf8'));
console.log(JSON.stringify(out));
