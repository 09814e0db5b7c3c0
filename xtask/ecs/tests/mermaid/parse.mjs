// Reads diagrams with Mermaid's own parser.
//
//   node parse.mjs NODE_MODULES < "DIAGRAM", a JSON document a line
//
// Answers a line for each: a JSON document with the kind of diagram, its sections and its tasks as Mermaid's model of it has them,
// or an error. Mermaid wants a document to clean texts with; jsdom's is enough for that, for nothing is drawn.

import { createInterface } from "node:readline";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const library = (...path) => import(pathToFileURL(join(resolve(process.argv[2]), ...path)));
const { JSDOM } = (await library("jsdom", "lib", "api.js")).default;
const { window } = new JSDOM("");
Object.assign(globalThis, { window, document: window.document });
const { default: mermaid } = await library("mermaid", "dist", "mermaid.core.mjs");

// What Mermaid puts in the place of an entity code before it parses, and the browser shows of it.
const shown = (text) => text.replace(/ﬂ°°(\d+)¶ß/g, (_, code) => String.fromCodePoint(Number(code)));

for await (const line of createInterface({ input: process.stdin })) {
  try {
    const text = JSON.parse(line);
    await mermaid.parse(text);
    const diagram = await mermaid.mermaidAPI.getDiagramFromText(text);
    const model = diagram.db;
    const tasks = model.getTasks().map(({ section, task, startTime, endTime, crit, milestone }) => ({
      section: shown(section), task: shown(task), seconds: (endTime - startTime) / 1000, crit: crit === true, milestone: milestone === true,
    }));
    console.log(JSON.stringify({ type: diagram.type, title: shown(model.getDiagramTitle()), tasks }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
