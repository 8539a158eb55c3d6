// Build the front end: bundle our CSS and JavaScript, take htmx from its package, give every file a name with its content's
// hash, and list them in manifest.json (name in the templates → file in dist), so that browsers may keep them for ever.
//
//   node scripts/build.mjs SOURCE_FOLDER OUTPUT_FOLDER
//
// app.css is css/app.css, or else tokens, base, components and pages in this order; app.js is js/app.js. A file of css/ or
// js/ that they do not take in becomes a bundle of its own, a file of js/lazy a module that a page imports when it needs it
// (its parts lie in a folder beside it); pictures and fonts are copied; wallet/dist/hashconnect.js (wallet/build.mjs) is taken
// over as it is. An absent source is left out.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, extname, join, relative, sep } from "node:path";
import { build } from "esbuild";

const [source, output] = process.argv.slice(2);
const CSS_ORDER = ["tokens.css", "base.css", "components.css", "pages.css"];
const COPIED = new Set([".svg", ".png", ".ico", ".webp", ".avif", ".woff2"]);
const manifest = {};

/** Write one file under a name that changes with its content, and enter it in the manifest. */
function emit(logicalName, content) {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 12);
  const extension = logicalName.endsWith(".min.js") ? ".min.js" : extname(logicalName);
  const hashedName = `${logicalName.slice(0, -extension.length)}.${hash}${extension}`;
  mkdirSync(join(output, hashedName, ".."), { recursive: true });
  writeFileSync(join(output, hashedName), content);
  manifest[logicalName] = hashedName;
}

/** Bundle and minify one entry, a file or CSS text that imports files; return the names of the sources it took in. */
async function bundle(logicalName, entry) {
  const result = await build({
    ...entry,
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
    format: logicalName.startsWith("lazy/") ? "esm" : logicalName.endsWith(".js") ? "iife" : undefined,
    target: ["chrome123", "firefox121", "safari17.5"],
    external: ["*.svg", "*.png", "*.webp", "*.woff2"],
  });
  emit(logicalName, result.outputFiles[0].contents);
  return Object.keys(result.metafile.inputs).map((path) => basename(path));
}

/** Name the files of a folder, in a fixed order. */
function filesIn(folder, extension) {
  const path = join(source, folder);
  return existsSync(path) ? readdirSync(path).filter((name) => name.endsWith(extension)).sort() : [];
}

/** Bundle app.css from its own entry or from its four layers, and every sheet that is in neither by itself. */
async function buildStyles() {
  const sheets = filesIn("css", ".css");
  const layers = CSS_ORDER.filter((name) => sheets.includes(name));
  let taken = [];
  if (sheets.includes("app.css")) {
    taken = await bundle("app.css", { entryPoints: [join(source, "css", "app.css")] });
  } else if (layers.length > 0) {
    const contents = layers.map((name) => `@import "./${name}";`).join("\n");
    taken = await bundle("app.css", { stdin: { contents, loader: "css", resolveDir: join(source, "css") } });
  }
  await bundleOthers("css", sheets, taken);
}

/** Bundle app.js, and every script that it does not import by itself. */
async function buildScripts() {
  const scripts = filesIn("js", ".js");
  const taken = scripts.includes("app.js") ? await bundle("app.js", { entryPoints: [join(source, "js", "app.js")] }) : [];
  await bundleOthers("js", scripts, taken);
  for (const name of filesIn("js/lazy", ".js")) {
    await bundle(`lazy/${name}`, { entryPoints: [join(source, "js/lazy", name)] });
  }
  const wallet = join("wallet", "dist", "hashconnect.js");
  if (existsSync(wallet)) emit("hashconnect.js", readFileSync(wallet));
}

/** Bundle each file that no bundle has taken in yet. */
async function bundleOthers(folder, names, taken) {
  for (const name of names.filter((name) => !taken.includes(name))) {
    await bundle(name, { entryPoints: [join(source, folder, name)] });
  }
}

/** Copy pictures and fonts, wherever they lie below the source folder. */
function copyRest() {
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const logicalName = relative(source, path).split(sep).join("/");
    if (entry.isFile() && COPIED.has(extname(entry.name)) && !logicalName.startsWith("dist")) {
      emit(logicalName, readFileSync(path));
    }
  }
}

mkdirSync(output, { recursive: true });
try {
  await buildStyles();
  await buildScripts();
} catch (error) {
  if (!error.errors) console.error(error); // esbuild has said already where the mistake is
  process.exit(1);
}
const htmx = createRequire(import.meta.url).resolve("htmx.org/dist/htmx.min.js");
emit(basename(htmx), readFileSync(htmx));
copyRest();
writeFileSync(join(output, "manifest.json"), `${JSON.stringify(manifest, Object.keys(manifest).sort(), 2)}\n`);
