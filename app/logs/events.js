// The list of events: one line each, expanded in place. Log text is only rendered as text nodes.
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

const highlighted = (parent, text, marks) => {
  const shown = visible(text);
  const lower = shown.toLowerCase();
  let at = 0;
  while (marks.length && at < shown.length) {
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
    parent.append(shown.slice(at, start), element("mark", "", shown.slice(start, start + length)));
    at = start + length;
  }
  parent.append(shown.slice(at));
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

const lineOf = (row, marks) => {
  const line = element("div", `line ${row.level ? row.level.toLowerCase() : "none"}`);
  line.append(element("span", "time", row.time), element("span", "level", row.level || ""));
  const source = element("span", "source", visible(row.group));
  source.title = visible(`${row.account} ${row.region} ${row.group} ${row.stream}`);
  line.append(source, highlighted(element("span", "message"), row.message, marks));
  return line;
};

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
  const whole = highlighted(element("pre", "whole"), row.message, data.marks);
  panel.append(facts, whole);
  if (json !== undefined) panel.append(jsonTree("JSON", json, "$", send));
  panel.append(element("div", "heading", "Context in the log stream"));
  const around = element("div", "around");
  around.ariaLabel = "Context";
  if (!data.context) around.append(element("div", "quiet", "Loading…"));
  for (const one of data.context || []) {
    const line = lineOf(one, []);
    if (one.key === row.key) line.classList.add("here");
    around.append(line);
  }
  panel.append(around);
  return panel;
};

const turner = (text, send) => {
  const button = element("button", "more", text);
  button.onclick = () => {
    button.disabled = true;
    button.textContent = "Loading…";
    send();
  };
  const item = element("div");
  item.role = "listitem";
  item.append(button);
  return item;
};

// The first visible event and its position, which is restored when events are added or removed above it.
const anchorOf = (list) => {
  const first = [...list.querySelectorAll(":scope > .item")].find(
    (item) => item.offsetTop + item.offsetHeight > list.scrollTop && item.offsetTop >= list.scrollTop);
  return first && { key: first.dataset.key, above: first.offsetTop - list.scrollTop };
};

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".events");
  const list = root.querySelector(".list");
  root.classList.toggle("wrapped", data.wrap);
  const scrolled = list.scrollTop;
  const anchor = anchorOf(list);
  const built = document.createDocumentFragment();
  if (data.newer) built.append(turner("Show newer events", () => setTriggerValue("newer", Date.now())));
  for (const row of data.rows) {
    const item = element("div", "item");
    item.dataset.key = row.key;
    item.role = "listitem";
    const line = lineOf(row, data.marks);
    const open = row.key === data.open;
    line.role = "button";
    line.tabIndex = 0;
    line.ariaExpanded = String(open);
    line.onclick = () => {
      if (!String(window.getSelection())) setTriggerValue("toggled", open ? "" : row.key);
    };
    line.onkeydown = (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        setTriggerValue("toggled", open ? "" : row.key);
      }
    };
    item.append(line);
    if (open) {
      item.classList.add("open");
      item.append(detail(row, data, setTriggerValue));
    }
    built.append(item);
  }
  if (data.more) built.append(turner("Show older events", () => setTriggerValue("more", Date.now())));
  list.replaceChildren(built);
  list.scrollTop = scrolled;
  const kept = anchor && list.querySelector(`.item[data-key="${CSS.escape(anchor.key)}"]`);
  if (kept) list.scrollTop = kept.offsetTop - anchor.above;
  if (data.open && root.dataset.shown !== data.open) {
    const opened = list.querySelector(".item.open");
    if (opened) {
      const top = opened.offsetTop - list.offsetTop;
      if (top < list.scrollTop || top > list.scrollTop + list.clientHeight - 120) list.scrollTop = Math.max(0, top - 24);
    }
    const around = list.querySelector(".around");
    const here = around?.querySelector(".here");
    if (here) around.scrollTop = here.offsetTop - around.clientHeight / 2;
  }
  root.dataset.shown = data.open || "";
}
