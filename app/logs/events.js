// The list of events: one line each, expanded in place. Log text is only rendered as text nodes.
// It holds a few pages of rows; the space above and below stands for all others, which are fetched when scrolled to.
const element = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
};

// Control and bidirectional characters could hide or reorder text: show their code points instead.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
const visible = (text) =>
  text.replace(HIDDEN, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

// The text as the search compares it (ops.logs.search.folding), and the position in the text of each character.
const folded = (text) => {
  if (/^[\x00-\x7f]*$/.test(text)) return [text.toLowerCase(), undefined];
  let lower = "";
  const places = [];
  for (const { 0: letter, index } of text.matchAll(/\P{M}\p{M}*|\p{M}+/gsu)) {
    const same = letter.normalize("NFC").replaceAll("İ", "i").toLowerCase().replaceAll("ß", "ss").replaceAll("ς", "σ");
    lower += same;
    for (let n = 0; n < same.length; n += 1) places.push(index);
  }
  places.push(text.length);
  return [lower, places];
};

const highlighted = (parent, text, marks) => {
  const shown = visible(text);
  const [lower, places] = marks.length ? folded(shown) : ["", undefined];
  const place = (position) => (places ? places[position] : position);
  let at = 0;
  let done = 0;
  while (marks.length && at < lower.length) {
    let start = -1;
    let length = 0;
    for (const mark of marks) {
      const index = lower.indexOf(mark, at);
      if (index >= 0 && (start < 0 || index < start || (index === start && mark.length > length))) {
        start = index;
        length = mark.length;
      }
    }
    if (start < 0) break;
    let end = start + length;
    while (places && end < lower.length && places[end] === places[end - 1]) end += 1; // a whole letter
    const from = Math.max(done, place(start));
    parent.append(shown.slice(done, from), element("mark", "", shown.slice(from, place(end))));
    done = place(end);
    at = end;
  }
  parent.append(shown.slice(done));
  return parent;
};

// The path of a field in the syntax of the search bar; undefined if the name cannot be expressed.
const pathTo = (path, name) => {
  if (path === undefined) return undefined;
  if (/^[A-Za-z_][\w-]*$/.test(name)) return `${path}.${name}`;
  return name.includes('"') ? undefined : `${path}."${name}"`;
};

const buttons = (field, value, send) =>
  [["+", "Filter for this value", false], ["−", "Filter out this value", true]].map(([sign, title, negated]) => {
    const button = element("button", "filter", sign);
    button.title = visible(`${title}: ${field}`);
    button.ariaLabel = button.title;
    button.onclick = () => send("filter", { field, value, negated });
    return button;
  });

const jsonTree = (name, value, path, send) => {
  if (value === null || typeof value !== "object") {
    const leaf = element("div", "leaf");
    leaf.append(element("span", "key", `${visible(name)}: `));
    leaf.append(element("span", `value ${value === null ? "null" : typeof value}`, visible(JSON.stringify(value))));
    if (path !== undefined && value !== null && value !== "") leaf.append(...buttons(path, String(value), send));
    return leaf;
  }
  const entries = Object.entries(value);
  const branch = element("details", "branch");
  branch.open = path === "$";
  const size = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  const title = element("summary");
  title.append(element("span", "key", `${visible(name)} `), element("span", "size", size));
  const inner = (key) => Array.isArray(value) ? path && `${path}[${key}]` : pathTo(path, key);
  branch.append(title, ...entries.slice(0, 500).map(([key, one]) => jsonTree(key, one, inner(key), send)));
  return branch;
};

const parsed = (message) => {
  if (!/^\s*[{[]/.test(message)) return undefined;
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
};

// A message as pieces: lines, and runs of at least three stack frames.
const FRAME = /^(?:\s+at |\s*File ".*", line \d|\s+\.\.\. \d+ |\s+from \S+:\d+|\s{4,}\S)/;
const pieces = (text) => {
  const found = [];
  for (const line of text.split("\n")) {
    const frame = found.length > 0 && FRAME.test(line);
    if (found.length && found.at(-1).frame === frame) found.at(-1).lines.push(line);
    else found.push({ frame, lines: [line] });
  }
  return found.map(({ frame, lines }) => ({ folded: frame && lines.length > 2, lines }));
};

const whole = (row, marks) => {
  const panel = element("pre", "whole");
  for (const { folded: hidden, lines } of pieces(row.message)) {
    const part = element(hidden ? "details" : "div", hidden ? "frames" : "");
    if (hidden) part.append(element("summary", "", `${lines.length} lines of the stack trace`));
    panel.append(highlighted(part, lines.join("\n"), marks));
  }
  return panel;
};

const messageOf = (row, marks, wrap) => {
  const message = element("span", "message");
  const text = row.message.slice(row.skip).trimEnd();
  const lines = text.split("\n").length;
  const first = text.indexOf("\n");
  if (lines === 1 || !wrap) {
    message.append(highlighted(element("span", "text"), lines === 1 ? text : text.slice(0, first), marks));
    if (lines > 1) message.append(element("span", "fold", `+${lines - 1} ${lines === 2 ? "line" : "lines"}`));
    return message;
  }
  const shown = element("span", "text");
  pieces(text).forEach(({ folded: hidden, lines: some }, number) => {
    if (number) shown.append("\n");
    if (hidden) shown.append(element("span", "fold", `${some.length} lines of the stack trace`));
    else highlighted(shown, some.join("\n"), marks);
  });
  message.append(shown);
  return message;
};

const lineOf = (row, marks, wrap) => {
  const line = element("div", `line ${row.level ? row.level.toLowerCase() : "none"}`);
  for (const [name, value] of row.cells) {
    const cell = element("span", `cell ${name}`, visible(value));
    cell.title = visible(name === "time" ? row.time : `${name}: ${value}`);
    line.append(cell);
  }
  line.append(messageOf(row, marks, wrap));
  return line;
};

const WIDTHS = { time: "max-content", level: "5ch", account: "12ch", region: "14ch" };
const columnsOf = (columns) =>
  [...columns.map((name) => WIDTHS[name] || "minmax(6ch, 18ch)"), "minmax(0, 1fr)"].join(" ");

const detail = (row, data, send) => {
  const panel = element("div", "detail");
  const facts = element("div", "facts");
  for (const [field, value] of row.facts) {
    const fact = element("span", "fact");
    fact.append(element("span", "key", field), element("span", "value", visible(value)));
    fact.append(...buttons(field, value, send));
    facts.append(fact);
  }
  const json = parsed(row.message);
  panel.append(element("div", "quiet", row.time), facts, whole(row, data.marks));
  if (json !== undefined) panel.append(jsonTree("JSON", json, "$", send));
  panel.append(element("div", "heading", "Context in the log stream"));
  const around = element("div", "around");
  around.tabIndex = -1;
  around.ariaLabel = "Context";
  if (!data.context) around.append(element("div", "quiet", "Loading…"));
  for (const one of data.context || []) {
    const line = lineOf(one, [], false);
    if (one.key === row.key) line.classList.add("here");
    around.append(line);
  }
  panel.append(around);
  return panel;
};

// The first visible event and its position, which is restored when events are added or removed above it.
const anchorOf = (list) => {
  const first = [...list.querySelectorAll(":scope > .item")].find(
    (item) => item.offsetTop + item.offsetHeight > list.scrollTop && item.offsetTop >= list.scrollTop);
  return first && { key: first.dataset.key, above: first.offsetTop - list.scrollTop };
};

const ROW = 22;
const TALLEST = 8e6; // browsers limit the height of an element
const EDGE = 900; // pixels before the end of the loaded rows at which the next page is fetched
const SETTLED_MS = 150; // after which scrolling is taken to have ended

const space = (rows, scale) => {
  const empty = element("div", "space");
  empty.style.height = `${rows * scale}px`;
  empty.ariaHidden = "true";
  return empty;
};

// Fetch what was scrolled to: the neighboring page, or the page at a place in the space above or below.
const fetchMissing = (list, root) => {
  const { data, send, scale } = root.view;
  const items = list.querySelectorAll(":scope > .item");
  if (!items.length || root.fetched === data.version) return;
  const top = items[0].offsetTop;
  const bottom = items[items.length - 1].offsetTop + items[items.length - 1].offsetHeight;
  const seen = list.scrollTop + list.clientHeight;
  const jumped = seen < top || list.scrollTop > bottom;
  const ask = (name, value) => {
    root.fetched = data.version;
    root.jumpedFrom = name === "seek" ? list.scrollTop : undefined;
    send(name, value);
  };
  if (jumped && data.total > data.first + data.rows.length - 1) {
    const above = list.scrollTop < top;
    const rank = above ? list.scrollTop / scale : data.first + data.rows.length + (list.scrollTop - bottom) / scale;
    ask("seek", Math.max(0, Math.min(data.total - 1, Math.floor(rank))));
  } else if (data.more && bottom - seen < EDGE) ask("more", Date.now());
  else if (data.newer && list.scrollTop - top < EDGE) ask("newer", Date.now());
};

const fetchSoon = (list, root) => {
  clearTimeout(root.timer);
  root.timer = setTimeout(() => fetchMissing(list, root), SETTLED_MS);
};

// Keys, as in less, vi, and GitHub; not while a text is typed.
const typing = (event) =>
  event.composedPath().some((one) => one.matches?.("input, textarea, select, [contenteditable=true], [role=dialog]"));

const onKey = (event, root, list) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
  const items = [...list.querySelectorAll(":scope > .item")];
  const at = items.findIndex((item) => item.dataset.key === root.dataset.current);
  const select = (item) => {
    root.dataset.current = item.dataset.key;
    item.querySelector(".line").focus();
    item.scrollIntoView({ block: "nearest" });
  };
  if (event.key === "/") document.querySelector('input[aria-label="Search"]')?.focus();
  else if (event.key === "j" && items[at + 1]) select(items[at + 1]);
  else if (event.key === "k" && items[at - 1]) select(items[at - 1]);
  else if (event.key === "Enter" && at >= 0 && event.composedPath()[0] === document.body) {
    items[at].querySelector(".line").click();
  } else if (event.key === "c" && at >= 0) {
    root.dataset.context = items[at].dataset.key;
    if (root.view.data.open === items[at].dataset.key) showContext(root, list);
    else root.view.send("toggled", items[at].dataset.key);
  } else return;
  event.preventDefault();
};

const showContext = (root, list) => {
  const around = list.querySelector(".around");
  if (!around || root.dataset.context !== root.view.data.open || !root.view.data.context) return;
  delete root.dataset.context;
  around.scrollIntoView({ block: "nearest" });
  around.focus({ preventScroll: true });
};

const listen = (root, list) => {
  if (root.listening) return;
  root.listening = true;
  list.addEventListener("scroll", () => fetchSoon(list, root));
  const keys = (event) => (root.isConnected ? onKey(event, root, list) : document.removeEventListener("keydown", keys));
  document.addEventListener("keydown", keys);
};

const itemOf = (row, data, root, send) => {
  const item = element("div", "item");
  item.dataset.key = row.key;
  item.role = "listitem";
  const line = lineOf(row, data.marks, data.wrap);
  const open = row.key === data.open;
  line.role = "button";
  line.tabIndex = 0;
  line.ariaExpanded = String(open);
  line.onfocus = () => (root.dataset.current = row.key);
  line.onclick = () => {
    if (!String(window.getSelection())) send("toggled", open ? "" : row.key);
  };
  line.onkeydown = (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      send("toggled", open ? "" : row.key);
    }
  };
  item.append(line);
  if (open) {
    item.classList.add("open");
    item.append(detail(row, data, send));
  }
  return item;
};

const reveal = (root, list, data) => {
  const opened = list.querySelector(".item.open");
  if (opened) {
    const top = opened.offsetTop;
    if (top < list.scrollTop || top > list.scrollTop + list.clientHeight - 120) list.scrollTop = Math.max(0, top - 24);
  }
  const around = list.querySelector(".around");
  const here = around?.querySelector(".here");
  if (here) around.scrollTop = here.offsetTop - around.clientHeight / 2;
};

export default function ({ data, parentElement, setTriggerValue: send }) {
  const root = parentElement.querySelector(".events");
  const list = root.querySelector(".list");
  const scale = Math.min(ROW, TALLEST / Math.max(1, data.total));
  root.view = { data, send, scale };
  // While queries run, the page is redrawn with the same rows: keep them, with what the user is about to click.
  const drawn = JSON.stringify({ ...data, rows: [data.rows.at(0), data.rows.at(-1)] });
  if (root.drawn === drawn) return;
  root.drawn = drawn;
  root.classList.toggle("wrapped", data.wrap);
  root.style.setProperty("--columns", columnsOf(data.columns));
  const scrolled = list.scrollTop;
  const anchor = anchorOf(list);
  const focused = list.contains(root.getRootNode().activeElement);
  const after = data.total - data.first - data.rows.length;
  list.replaceChildren(
    space(data.first, scale), ...data.rows.map((row) => itemOf(row, data, root, send)), space(Math.max(0, after), scale));
  const at = (key) => key && list.querySelector(`.item[data-key="${CSS.escape(key)}"]`);
  const kept = anchor && at(anchor.key);
  list.scrollTop = kept ? kept.offsetTop - anchor.above : scrolled;
  if (root.jumpedFrom !== undefined && root.fetched !== data.version) {
    if (root.jumpedFrom === scrolled) list.scrollTop = list.querySelector(".item")?.offsetTop ?? 0;
    root.jumpedFrom = undefined;
  }
  if (focused) at(root.dataset.current)?.querySelector(".line").focus({ preventScroll: true });
  if (data.open && root.dataset.shown !== data.open) reveal(root, list, data);
  root.dataset.shown = data.open || "";
  showContext(root, list);
  listen(root, list);
  fetchSoon(list, root); // the user may have scrolled on while the page was fetched
}
