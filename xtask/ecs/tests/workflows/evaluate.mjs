// Evaluates expressions of a workflow with GitHub's own expression library.
//
//   node evaluate.mjs NODE_MODULES < {"expression": "…", "github": {…}, "inputs": {…}}, a JSON document a line
//
// Answers a line for each: the result as the runner writes it into a file; a condition's is true or false.

import { createInterface } from "node:readline";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const library = join(resolve(process.argv[2]), "@actions", "expressions", "dist", "index.js");
const { Lexer, Parser, Evaluator, data } = await import(pathToFileURL(library));

function wrap(value) {
  if (value === null || value === undefined) return new data.Null();
  if (typeof value === "string") return new data.StringData(value);
  if (typeof value === "number") return new data.NumberData(value);
  if (typeof value === "boolean") return new data.BooleanData(value);
  if (Array.isArray(value)) return new data.Array(...value.map(wrap));
  return new data.Dictionary(...Object.entries(value).map(([key, member]) => ({ key, value: wrap(member) })));
}

for await (const line of createInterface({ input: process.stdin })) {
  const { expression, github, inputs } = JSON.parse(line);
  const { tokens } = new Lexer(expression).lex();
  const parsed = new Parser(tokens, ["github", "inputs"], []).parse();
  const context = new data.Dictionary(
    { key: "github", value: wrap(github) },
    { key: "inputs", value: wrap(inputs ?? {}) },
  );
  console.log(new Evaluator(parsed, context).evaluate().coerceString());
}
